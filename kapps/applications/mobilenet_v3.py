"""MobileNetV3: Searching for MobileNetV3 (Howard et al., 2019, arXiv:1905.02244)."""

from dataclasses import replace
from functools import partial

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, make_divisible
from kapps.layers.mobile import inverted_residual

# Tables 1 and 2 of the paper, a stage for each stride or number of filters:
# filters, strides, kernel_size, squeeze, activation, expand_ratio of each block
LARGE = (
    (16, 1, 3, False, "relu", (1,)),
    (24, 2, 3, False, "relu", (4, 3)),
    (40, 2, 5, True, "relu", (3, 3, 3)),
    (80, 2, 3, False, "hard_swish", (6, 2.5, 2.3, 2.3)),
    (112, 1, 3, True, "hard_swish", (6, 6)),
    (160, 2, 5, True, "hard_swish", (6, 6, 6)),
)
SMALL = (
    (16, 2, 3, True, "relu", (1,)),
    (24, 2, 3, False, "relu", (72 / 16, 88 / 24)),
    (40, 2, 5, True, "hard_swish", (4, 6, 6)),
    (48, 1, 5, True, "hard_swish", (3, 3)),
    (96, 2, 5, True, "hard_swish", (6, 6, 6)),
)


def backbone(x, nn: Blocks, *, stages, alpha: float, minimalistic: bool):
    nn = _simplified(nn, minimalistic)
    x = nn.conv_norm_act(x, 16, 3, strides=2, name="stem")  # whatever the width
    for stage, (filters, strides, kernel_size, squeeze, activation, ratios) in enumerate(stages, 1):
        for block, expand_ratio in enumerate(ratios, 1):
            expand_filters = make_divisible(nn.channels(x) * expand_ratio)
            x = inverted_residual(
                x,
                replace(nn, activation="relu" if minimalistic else activation),
                filters=make_divisible(filters * alpha),
                kernel_size=3 if minimalistic else kernel_size,
                strides=strides if block == 1 else 1,
                expand_filters=expand_filters,
                se_filters=0 if minimalistic or not squeeze else make_divisible(expand_filters / 4),
                se_activation="relu",
                se_gate="hard_sigmoid",
                name=f"stage{stage}_block{block}",
            )
    return nn.conv_norm_act(x, make_divisible(nn.channels(x) * 6), name="head")


def top(x, nn: Blocks, *, filters: int, alpha: float, minimalistic: bool):
    """Section 5.1: the widest layer comes after the pooling, where it costs next to nothing."""
    nn = _simplified(nn, minimalistic)
    x = nn.global_avg_pool(x, name="avg_pool")
    x = nn.dense(x, make_divisible(filters * max(1.0, alpha)), name="head_dense")
    return nn.act(x, name="head_dense_act")


def _simplified(nn: Blocks, minimalistic: bool) -> Blocks:
    return replace(nn, activation="relu") if minimalistic else nn


def _application(size, stages, filters, levels):
    name = size.lower()
    keras = f"keras/MobileNetV3{size}"
    timm = f"timm/tf_mobilenetv3_{name}"
    return Application(
        f"MobileNetV3{size}",
        backbone,
        top=partial(top, filters=filters),
        top_layers=("head_dense",),
        size=224,
        flavors={
            "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.999),
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                interpolation="bicubic",
            ),
            "torchvision": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-3,
                norm_momentum=0.99,
                dilates_strided=True,
            ),
        },
        activation="hard_swish",
        config={"stages": stages},
        arguments={"alpha": 1.0, "minimalistic": False},
        aliases={"dropout_rate": "dropout"},
        dropout=0.2,
        stages=levels,
        references=(
            reference(keras, "keras"),
            reference(f"{timm}_100", "keras"),
            reference(f"{timm}_075", "keras", alpha=0.75),
            reference(f"{timm}_minimal_100", "keras", minimalistic=True),
            *(
                reference(f"timm/mobilenetv3_{name}_{alpha * 100:03.0f}", "torch", alpha=alpha)
                for alpha in ((0.5, 0.75, 1.0) if size == "Small" else (0.75, 1.0))
            ),
            reference(f"torchvision/mobilenet_v3_{name}", "torchvision"),
        ),
    )


MobileNetV3Small = _application("Small", SMALL, 1024, {2: 1, 3: 2, 4: 4, 5: 5})
MobileNetV3Large = _application("Large", LARGE, 1280, {1: 1, 2: 2, 3: 3, 4: 5, 5: 6})

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]
