"""MobileOne: An Improved One millisecond Mobile Backbone (Vasu et al., 2022, arXiv:2206.04040).

What it trains with is here; `kapps.reparameterize(model)` is what it predicts with, a plain stack
of depthwise and pointwise convolutions with the same outputs.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, branched_conv, make_divisible

FILTERS = (64, 128, 256, 512)
BLOCKS = (2, 8, 10, 1)  # of each stage: table 2, whose stages 4 and 5 are one here
VARIANTS = {  # how much wider than FILTERS, branches, last blocks that squeeze: table 3
    "S0": ((0.75, 1.0, 1.0, 2.0), 4, (0, 0, 0, 0)),
    "S1": ((1.5, 1.5, 2.0, 2.5), 1, (0, 0, 0, 0)),
    "S2": ((1.5, 2.0, 2.5, 4.0), 1, (0, 0, 0, 0)),
    "S3": ((2.0, 2.5, 3.0, 4.0), 1, (0, 0, 0, 0)),
    "S4": ((3.0, 3.5, 3.5, 4.0), 1, (0, 0, 5, 1)),
}


def _finish(x, nn: Blocks, squeeze: bool, name: str):
    if squeeze:
        filters = make_divisible(nn.channels(x) / 16, round_limit=0.0)
        x = nn.squeeze_excite(x, filters, name=f"{name}_se")
    return nn.act(x, name=f"{name}_act")


def block(x, nn: Blocks, filters: int, strides: int, branches: int, squeeze: bool, *, name: str):
    """A filter for each channel, then a product that mixes them: figure 3, top to bottom."""
    channels = nn.channels(x)
    x = branched_conv(x, nn, channels, 3, strides, channels, branches, name=f"{name}_depthwise")
    x = _finish(x, nn, squeeze, f"{name}_depthwise")
    x = branched_conv(x, nn, filters, 1, branches=branches, name=f"{name}_pointwise")
    return _finish(x, nn, squeeze, f"{name}_pointwise")


def backbone(x, nn: Blocks, *, widths, branches: int, squeezes):
    x = branched_conv(x, nn, min(64, int(64 * widths[0])), 3, strides=2, name="stem")
    x = nn.act(x, name="stem_act")
    for stage, (filters, width, blocks, squeezed) in enumerate(
        zip(FILTERS, widths, BLOCKS, squeezes, strict=True), 1
    ):
        for index in range(1, blocks + 1):
            x = block(
                x,
                nn,
                int(filters * width),
                strides=2 if index == 1 else 1,
                branches=branches,
                squeeze=index > blocks - squeezed,
                name=f"stage{stage}_block{index}",
            )
    return x


def _application(variant: str):
    widths, branches, squeezes = VARIANTS[variant]
    return Application(
        f"MobileOne{variant}",
        backbone,
        size=224,
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=0.875 if variant == "S0" else 0.9,
            )
        },
        config={"widths": widths, "branches": branches, "squeezes": squeezes},
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/mobileone_{variant.lower()}", "torch"),),
    )


MobileOneS0 = _application("S0")
MobileOneS1 = _application("S1")
MobileOneS2 = _application("S2")
MobileOneS3 = _application("S3")
MobileOneS4 = _application("S4")

__all__ = [
    "MobileOneS0",
    "MobileOneS1",
    "MobileOneS2",
    "MobileOneS3",
    "MobileOneS4",
    "decode_predictions",
    "preprocess_input",
]
