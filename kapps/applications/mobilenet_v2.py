"""MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., arXiv:1801.04381)."""

import math
from dataclasses import replace

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, make_divisible
from kapps.layers.mobile import inverted_residual

STAGES = (  # expand_ratio, filters, blocks, strides: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
LEVELS = {1: 1, 2: 2, 3: 3, 4: 5, 5: 7}
FLAVORS = {
    "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.999),
    "torch": Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9),
}


def backbone(x, nn: Blocks, *, alpha: float, depth: float = 1.0):
    deeper = depth != 1.0  # timm's: the stem, the head, the first and the last stage do not scale
    x = nn.conv_norm_act(x, 32 if deeper else make_divisible(32 * alpha), 3, strides=2, name="stem")
    for stage, (expand_ratio, filters, blocks, strides) in enumerate(STAGES, 1):
        scaled = blocks if stage in (1, len(STAGES)) else math.ceil(blocks * depth)
        for block in range(1, scaled + 1):
            x = inverted_residual(
                x,
                nn,
                filters=make_divisible(filters * alpha),
                kernel_size=3,
                strides=strides if block == 1 else 1,
                expand_filters=nn.channels(x) * expand_ratio,
                name=f"stage{stage}_block{block}",
            )
    # Section 4: a width multiplier below one does not narrow the last convolution.
    head_filters = 1280 if deeper else make_divisible(1280 * max(1.0, alpha))
    return nn.conv_norm_act(x, head_filters, name="head")


MobileNetV2 = Application(
    "MobileNetV2",
    backbone,
    size=224,
    flavors=FLAVORS,
    activation="relu6",
    arguments={"alpha": 1.0},
    stages=LEVELS,
    references=(
        reference("keras/MobileNetV2", "keras"),
        reference("torchvision/mobilenet_v2", "torch"),
        *(
            reference(f"timm/mobilenetv2_{alpha * 100:03.0f}", "torch", alpha=alpha)
            for alpha in (0.35, 0.5, 0.75, 1.0, 1.4)
        ),
    ),
)


def _deeper(alpha, depth):
    """timm's networks that are wider and deeper."""
    percent = f"{alpha * 100:.0f}"
    return Application(
        f"MobileNetV2_{percent}D",
        backbone,
        size=224,
        flavors={"torch": replace(FLAVORS["torch"], interpolation="bicubic")},
        activation="relu6",
        config={"alpha": alpha, "depth": depth},
        stages=LEVELS,
        references=(reference(f"timm/mobilenetv2_{percent}d", "torch"),),
    )


MobileNetV2_110D = _deeper(alpha=1.1, depth=1.2)
MobileNetV2_120D = _deeper(alpha=1.2, depth=1.4)

__all__ = [
    "MobileNetV2",
    "MobileNetV2_110D",
    "MobileNetV2_120D",
    "decode_predictions",
    "preprocess_input",
]
