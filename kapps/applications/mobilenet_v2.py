"""MobileNetV2: Inverted Residuals and Linear Bottlenecks (Sandler et al., arXiv:1801.04381)."""

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
FLAVORS = {
    "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.999),
    "torch": Flavor("torch", padding="symmetric", norm_epsilon=1e-5, norm_momentum=0.9),
}


def backbone(x, nn: Blocks, *, alpha: float):
    x = nn.conv_norm_act(x, make_divisible(32 * alpha), 3, strides=2, name="stem")
    for stage, (expand_ratio, filters, blocks, strides) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            x = inverted_residual(
                x,
                nn,
                filters=make_divisible(filters * alpha),
                kernel_size=3,
                strides=strides if block == 1 else 1,
                expand_filters=nn.channels(x) * expand_ratio,
                name=f"stage{stage}_block{block}",
            )
    # Section 5.1: a width multiplier below one does not narrow the last convolution.
    return nn.conv_norm_act(x, make_divisible(1280 * max(1.0, alpha)), name="head")


MobileNetV2 = Application(
    "MobileNetV2",
    backbone,
    size=224,
    flavors=FLAVORS,
    activation="relu6",
    arguments={"alpha": 1.0},
    stages={1: 1, 2: 2, 3: 3, 4: 5, 5: 7},
    references=(
        reference("keras/MobileNetV2", "keras"),
        reference("torchvision/mobilenet_v2", "torch"),
        *(
            reference(f"timm/mobilenetv2_{alpha * 100:03.0f}", "torch", alpha=alpha)
            for alpha in (0.35, 0.5, 0.75, 1.0, 1.4)
        ),
    ),
)

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]
