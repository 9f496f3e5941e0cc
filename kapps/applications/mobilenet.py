"""MobileNets: Efficient CNNs for Mobile Vision (Howard et al., 2017, arXiv:1704.04861)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks

STAGES = (  # filters, blocks, strides: table 1 of the paper
    (64, 1, 1),
    (128, 2, 2),
    (256, 2, 2),
    (512, 6, 2),
    (1024, 2, 2),
)


def depthwise_separable(
    x, nn: Blocks, filters: int, strides: int, depth_multiplier: int, *, name: str
):
    """Filter each channel, then mix them, each with normalisation and activation: figure 3."""
    padding = None
    if strides > 1 and nn.padding == "same":  # Keras pads the end even where "same" would not
        x, padding = nn.pad(x, ((0, 1), (0, 1)), name=f"{name}_depthwise"), "valid"
    x = nn.depthwise_norm_act(x, 3, strides, depth_multiplier, padding, name=f"{name}_depthwise")
    return nn.conv_norm_act(x, filters, name=f"{name}_pointwise")


def backbone(x, nn: Blocks, *, alpha: float, depth_multiplier: int):
    # The filters are cut to whole numbers, not rounded to multiples of eight as in later families.
    x = nn.conv_norm_act(x, int(32 * alpha), 3, strides=2, name="stem")
    for stage, (filters, blocks, strides) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            x = depthwise_separable(
                x,
                nn,
                filters=int(filters * alpha),
                strides=strides if block == 1 else 1,
                depth_multiplier=depth_multiplier,
                name=f"stage{stage}_block{block}",
            )
    return x


MobileNet = Application(
    "MobileNet",
    backbone,
    size=224,
    flavors={
        "keras": Flavor("tensorflow", norm_epsilon=1e-3, norm_momentum=0.99),
        "torch": Flavor(
            "tensorflow",
            padding="symmetric",
            norm_epsilon=1e-5,
            norm_momentum=0.9,
            interpolation="bicubic",
        ),
    },
    activation="relu6",
    arguments={"alpha": 1.0, "depth_multiplier": 1},
    dropout=1e-3,
    stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    references=(
        reference("keras/MobileNet", "keras"),
        reference("timm/mobilenetv1_100", "torch"),
    ),
)

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]
