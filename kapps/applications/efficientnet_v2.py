"""EfficientNetV2: Smaller Models and Faster Training (Tan and Le, 2021, arXiv:2104.00298)."""

from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.mobile import fused_inverted_residual as fused
from kapps.layers.mobile import scaled_network
from kapps.layers.mobile import squeezed_inverted_residual as mbconv

# block, expand_ratio, filters, blocks, strides, kernel_size
B = (  # the base that B0 to B3 scale
    (fused, 1, 16, 1, 1, 3),
    (fused, 4, 32, 2, 2, 3),
    (fused, 4, 48, 2, 2, 3),
    (mbconv, 4, 96, 3, 2, 3),
    (mbconv, 6, 112, 5, 1, 3),
    (mbconv, 6, 192, 8, 2, 3),
)
S = (  # table 4 of the paper
    (fused, 1, 24, 2, 1, 3),
    (fused, 4, 48, 4, 2, 3),
    (fused, 4, 64, 4, 2, 3),
    (mbconv, 4, 128, 6, 2, 3),
    (mbconv, 6, 160, 9, 1, 3),
    (mbconv, 6, 256, 15, 2, 3),
)
M = (
    (fused, 1, 24, 3, 1, 3),
    (fused, 4, 48, 5, 2, 3),
    (fused, 4, 80, 5, 2, 3),
    (mbconv, 4, 160, 7, 2, 3),
    (mbconv, 6, 176, 14, 1, 3),
    (mbconv, 6, 304, 18, 2, 3),
    (mbconv, 6, 512, 5, 1, 3),
)
L = (
    (fused, 1, 32, 4, 1, 3),
    (fused, 4, 64, 7, 2, 3),
    (fused, 4, 96, 7, 2, 3),
    (mbconv, 4, 192, 10, 2, 3),
    (mbconv, 6, 224, 19, 1, 3),
    (mbconv, 6, 384, 25, 2, 3),
    (mbconv, 6, 640, 7, 1, 3),
)
XL = (  # the reference implementation's; not in the paper's tables
    (fused, 1, 32, 4, 1, 3),
    (fused, 4, 64, 8, 2, 3),
    (fused, 4, 96, 8, 2, 3),
    (mbconv, 4, 192, 16, 2, 3),
    (mbconv, 6, 256, 24, 1, 3),
    (mbconv, 6, 512, 32, 2, 3),
    (mbconv, 6, 640, 8, 1, 3),
)
RW = (  # timm's reading of the paper, which is older than the published code
    (partial(fused, always_expand=True), 1, 24, 2, 1, 3),
    *S[1:5],
    (mbconv, 6, 272, 15, 2, 3),
)


def backbone(
    x,
    nn: Blocks,
    *,
    stages,
    stem_filters: int,
    alpha: float,
    depth: float | tuple[float, ...],
    drop_path: float,
    head_filters: int = 1280,
    round_limit: float = 0.0,
):
    # The second version rounds to the nearest multiple of eight: a limit of 0.
    return scaled_network(
        x,
        nn,
        stages,
        stem_filters=stem_filters,
        alpha=alpha,
        depth=depth,
        drop_path=drop_path,
        head_filters=head_filters,
        round_limit=round_limit,
    )


def _application(
    variant,
    stages,
    size,
    crop_pct,
    stem_filters,
    alpha=1.0,
    depth=1.0,
    preprocessing="tensorflow128",
    timm_preprocessing="tensorflow",  # x / 127.5 - 1, 0.4 % from the original's x / 128 - 1
    torchvision=None,  # its preprocessing
    keras=True,  # whether keras.applications has it
):
    name, lower = f"EfficientNetV2{variant}", variant.lower()
    evaluation = {"norm_momentum": 0.9, "crop_pct": crop_pct, "interpolation": "bicubic"}
    flavors = {"keras": Flavor(preprocessing, norm_epsilon=1e-3, **evaluation)}
    references = [
        reference(
            f"timm/tf_efficientnetv2_{lower}", "keras", include_preprocessing=timm_preprocessing
        )
    ]
    if keras:
        references.insert(0, reference(f"keras/{name}", "keras"))
    if torchvision:
        evaluation["padding"] = "symmetric"
        # torchvision keeps the epsilon of the original, timm has torch's own.
        flavors["torchvision"] = Flavor(torchvision, norm_epsilon=1e-3, **evaluation)
        flavors["torch"] = Flavor("torch", norm_epsilon=1e-5, **evaluation)
        references += [
            reference(f"torchvision/efficientnet_v2_{lower}", "torchvision"),
            reference(f"timm/efficientnetv2_{lower}", "torch"),
        ]
    return Application(
        name,
        backbone,
        size=size,
        flavors=flavors,
        activation="silu",
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={"stages": stages, "stem_filters": stem_filters, "alpha": alpha, "depth": depth},
        dropout=0.2,
        drop_path=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: len(stages)},
        references=tuple(references),
    )


def _rw(variant, stages, size, alpha=1.0, depth=1.0, head_filters=1792):
    return Application(
        f"EfficientNetV2RW{variant}",
        backbone,
        size=size,
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=1.0,
                interpolation="bicubic",
            )
        },
        activation="silu",
        blocks={"kernel_initializer": "he_normal_fan_out"},
        config={
            "stages": stages,
            "stem_filters": 24,
            "alpha": alpha,
            "depth": depth,
            "head_filters": head_filters,
            "round_limit": 0.9,
        },
        dropout=0.2,
        drop_path=0.2,
        stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 6},
        references=(reference(f"timm/efficientnetv2_rw_{variant.lower()}", "torch"),),
    )


def _scaled(variant, size, crop_pct, alpha, depth):
    return _application(variant, B, size, crop_pct, 32, alpha, depth, "torch", "torch")


EfficientNetV2B0 = _scaled("B0", 224, 0.875, alpha=1.0, depth=1.0)
EfficientNetV2B1 = _scaled("B1", 240, 0.882, alpha=1.0, depth=1.1)
EfficientNetV2B2 = _scaled("B2", 260, 0.890, alpha=1.1, depth=1.2)
EfficientNetV2B3 = _scaled("B3", 300, 0.904, alpha=1.2, depth=1.4)
EfficientNetV2S = _application("S", S, 384, 1.0, stem_filters=24, torchvision="torch")
EfficientNetV2M = _application("M", M, 480, 1.0, stem_filters=24, torchvision="torch")
EfficientNetV2L = _application("L", L, 480, 1.0, stem_filters=32, torchvision="tensorflow")
EfficientNetV2XL = _application(
    "XL", XL, 512, 1.0, stem_filters=32, preprocessing="tensorflow", keras=False
)
EfficientNetV2RWT = _rw("T", S, 288, alpha=0.8, depth=0.9, head_filters=1280)
EfficientNetV2RWS = _rw("S", RW, 384)
EfficientNetV2RWM = _rw("M", RW, 416, alpha=1.2, depth=(*(1.2,) * 4, *(1.6,) * 2))

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2RWM",
    "EfficientNetV2RWS",
    "EfficientNetV2RWT",
    "EfficientNetV2S",
    "EfficientNetV2XL",
    "decode_predictions",
    "preprocess_input",
]
