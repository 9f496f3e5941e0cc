"""ResNet: Deep Residual Learning for Image Recognition (He et al., 2015, arXiv:1512.03385).

Also ResNeXt (Xie et al., 2016, arXiv:1611.05431), whose 3x3 convolutions have groups, and Wide
ResNet (Zagoruyko and Komodakis, 2016, arXiv:1605.07146), whose 3x3 convolutions have more filters.
"""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.residual import basic, bottleneck, residual_stages, residual_stem

DEPTHS = {  # blocks of each stage: table 1 of the paper, and what later residual networks chose
    14: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    26: (2, 2, 2, 2),  # as many blocks as 18, of three convolutions
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    269: (3, 30, 48, 8),
}
KERAS = Flavor(  # the paper's own networks, from Caffe
    "caffe",
    padding="symmetric",
    norm_epsilon=1.001e-5,
    blocks={"use_bias": True},
    config={"strides_on": 1},
)
TORCH = Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9)
TIMM = replace(TORCH, interpolation="bicubic")  # for what its own weights were first


def backbone(
    x,
    nn: Blocks,
    *,
    depths: tuple[int, ...],
    strides_on: int = 3,  # "v1.5": later than in the paper, and better
    basic_blocks: bool = False,
    groups: int = 1,
    width: int = 64,
    drop_path: float,
):
    x = residual_stem(x, nn)
    x = nn.max_pool(x, 3, strides=2, name="stem_pool")
    wide = partial(bottleneck, groups=groups, width=width, strides_on=strides_on)
    branch = basic if basic_blocks else wide
    return residual_stages(x, nn, depths, branch, drop_path=drop_path)


def _application(
    name: str,
    depth: int,
    torch_name: str,
    in_keras: bool = False,
    in_torchvision: bool = True,
    torch: Flavor = TORCH,
    **config,
):
    libraries = ("timm", "torchvision") if in_torchvision else ("timm",)
    references = tuple(reference(f"{library}/{torch_name}", "torch") for library in libraries)
    return Application(
        name,
        backbone,
        size=224,
        flavors={"keras": KERAS, "torch": torch} if in_keras else {"torch": torch},
        config={"depths": DEPTHS[depth], **config},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=((reference(f"keras/{name}", "keras"),) if in_keras else ()) + references,
    )


ResNet18 = _application("ResNet18", 18, "resnet18", basic_blocks=True)
ResNet26 = _application("ResNet26", 26, "resnet26", in_torchvision=False, torch=TIMM)
ResNet34 = _application("ResNet34", 34, "resnet34", basic_blocks=True)
ResNet50 = _application("ResNet50", 50, "resnet50", in_keras=True)
ResNet101 = _application("ResNet101", 101, "resnet101", in_keras=True)
ResNet152 = _application("ResNet152", 152, "resnet152", in_keras=True)
ResNeXt50_32x4d = _application("ResNeXt50_32x4d", 50, "resnext50_32x4d", groups=32, width=4)
ResNeXt101_32x4d = _application(
    "ResNeXt101_32x4d",
    101,
    "resnext101_32x4d",
    in_torchvision=False,
    torch=TIMM,
    groups=32,
    width=4,
)
ResNeXt101_32x8d = _application("ResNeXt101_32x8d", 101, "resnext101_32x8d", groups=32, width=8)
ResNeXt101_64x4d = _application(
    *("ResNeXt101_64x4d", 101, "resnext101_64x4d"),
    torch=replace(TIMM, crop_pct=0.95),
    groups=64,
    width=4,
)
WideResNet50_2 = _application("WideResNet50_2", 50, "wide_resnet50_2", width=128)
WideResNet101_2 = _application("WideResNet101_2", 101, "wide_resnet101_2", width=128)

__all__ = [
    "ResNeXt50_32x4d",
    "ResNeXt101_32x4d",
    "ResNeXt101_32x8d",
    "ResNeXt101_64x4d",
    "ResNet18",
    "ResNet26",
    "ResNet34",
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "WideResNet50_2",
    "WideResNet101_2",
    "decode_predictions",
    "preprocess_input",
]
