"""MnasNet: Platform-Aware Neural Architecture Search for Mobile (Tan et al., arXiv:1807.11626)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, searched_network

# filters, strides, then kernel_size, expand_ratio and squeeze of each block
A1 = (  # figure 7 of the paper
    (16, 1, (3, 1)),
    (24, 2, *[(3, 6)] * 2),
    (40, 2, *[(5, 3, 0.25)] * 3),
    (80, 2, *[(3, 6)] * 4),
    (112, 1, *[(3, 6, 0.25)] * 2),
    (160, 2, *[(5, 6, 0.25)] * 3),
    (320, 1, (3, 6)),
)
B1 = (  # without squeeze-and-excitation: of the reference implementation
    (16, 1, (3, 1)),
    (24, 2, *[(3, 3)] * 3),
    (40, 2, *[(5, 3)] * 3),
    (80, 2, *[(5, 6)] * 3),
    (96, 1, *[(3, 6)] * 2),
    (192, 2, *[(5, 6)] * 4),
    (320, 1, (3, 6)),
)
SMALL = (
    (8, 1, (3, 1)),
    (16, 2, (3, 3)),
    (16, 2, *[(3, 6)] * 2),
    (32, 2, *[(5, 6, 0.25)] * 4),
    (32, 1, *[(3, 6, 0.25)] * 3),
    (88, 2, *[(5, 6, 0.25)] * 3),
    (144, 1, (3, 6)),
)


def backbone(x, nn: Blocks, *, stages, stem_filters: int, alpha: float, drop_path: float):
    return searched_network(
        x,
        nn,
        stages,
        stem_filters=stem_filters,
        head_filters=1280,
        alpha=alpha,
        drop_path=drop_path,
    )


def _application(variant, *references, stages=B1, stem_filters=32, alpha=1.0):
    return Application(
        f"MnasNet{variant}",
        backbone,
        size=224,
        # timm and torchvision agree in everything; torchvision's momentum is the paper's 0.9997.
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                interpolation="bicubic",
            )
        },
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={"stages": stages, "stem_filters": stem_filters, "alpha": alpha},
        dropout=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
        references=tuple(reference(name, "torch") for name in references),
    )


MnasNet050 = _application("050", "timm/mnasnet_050", "torchvision/mnasnet0_5", alpha=0.5)
MnasNet075 = _application("075", "timm/mnasnet_075", "torchvision/mnasnet0_75", alpha=0.75)
MnasNet100 = _application("100", "timm/mnasnet_100", "torchvision/mnasnet1_0")
MnasNet130 = _application("130", "torchvision/mnasnet1_3", alpha=1.3)
MnasNet140 = _application("140", "timm/mnasnet_140", alpha=1.4)
MnasNetA1 = _application("A1", "timm/semnasnet_100", stages=A1)
MnasNetSmall = _application("Small", "timm/mnasnet_small", stages=SMALL, stem_filters=8)

__all__ = [
    "MnasNet050",
    "MnasNet075",
    "MnasNet100",
    "MnasNet130",
    "MnasNet140",
    "MnasNetA1",
    "MnasNetSmall",
    "decode_predictions",
    "preprocess_input",
]
