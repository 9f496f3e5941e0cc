"""RepVGG: Making VGG-style ConvNets Great Again (Ding et al., 2021, arXiv:2101.03697).

What it trains with is here; `kapps.reparameterize(model)` is what it predicts with, a plain stack
of 3x3 convolutions with the same outputs.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks, branched_conv

FILTERS = (64, 128, 256, 512)
DEPTHS = {"A": (2, 4, 14, 1), "B": (4, 6, 16, 1), "D": (8, 14, 24, 1)}  # section 3.4
WIDTHS = {  # a and b of table 2: how much wider than FILTERS are stages 1 to 3, and stage 4
    "A0": (0.75, 2.5),
    "A1": (1, 2.5),
    "A2": (1.5, 2.75),
    "B0": (1, 2.5),
    "B1": (2, 4),
    "B2": (2.5, 5),
    "B3": (3, 5),
    "D2": (2.5, 5),
}


def block(x, nn: Blocks, filters: int, strides: int, groups: int, squeeze: bool, *, name: str):
    """A 3x3 convolution, a 1x1 one and the input: figure 2 (b)."""
    x = branched_conv(x, nn, filters, 3, strides, groups, name=name)
    if squeeze:
        x = nn.squeeze_excite(x, filters // 16, name=f"{name}_se")
    return nn.act(x, name=f"{name}_act")


def backbone(x, nn: Blocks, *, depths, widths, groups: int, squeeze: bool):
    a, b = widths
    x = block(x, nn, min(64, int(64 * a)), 2, 1, squeeze, name="stem")
    for stage, (filters, blocks, width) in enumerate(
        zip(FILTERS, depths, (a, a, a, b), strict=True), 1
    ):
        for index in range(1, blocks + 1):
            x = block(
                x,
                nn,
                int(filters * width),
                strides=2 if index == 1 else 1,
                # Section 3.4: not in neighbours, so that channels of different groups meet.
                groups=groups if index % 2 == 0 else 1,
                squeeze=squeeze,
                name=f"stage{stage}_block{index}",
            )
    return x


def _application(name: str, groups: int = 1, squeeze: bool = False):
    """`name` is a row of WIDTHS, with "g4" for groups or "se" for squeeze-and-excitation."""
    row = name[:2]
    return Application(
        f"RepVGG{name}",
        backbone,
        size=320 if squeeze else 224,
        flavors={
            "torch": Flavor(
                "torch",
                padding="symmetric",
                norm_epsilon=1e-5,
                norm_momentum=0.9,
                crop_pct=1.0 if squeeze else 0.875,
            )
        },
        config={
            "depths": DEPTHS[row[0]],
            "widths": WIDTHS[row],
            "groups": groups,
            "squeeze": squeeze,
        },
        stages={2: 1, 3: 2, 4: 3, 5: 4},
        references=(reference(f"timm/repvgg_{name.lower()}", "torch"),),
    )


RepVGGA0 = _application("A0")
RepVGGA1 = _application("A1")
RepVGGA2 = _application("A2")
RepVGGB0 = _application("B0")
RepVGGB1 = _application("B1")
RepVGGB1g4 = _application("B1g4", groups=4)
RepVGGB2 = _application("B2")
RepVGGB2g4 = _application("B2g4", groups=4)
RepVGGB3 = _application("B3")
RepVGGB3g4 = _application("B3g4", groups=4)
RepVGGD2se = _application("D2se", squeeze=True)

__all__ = [
    "RepVGGA0",
    "RepVGGA1",
    "RepVGGA2",
    "RepVGGB0",
    "RepVGGB1",
    "RepVGGB1g4",
    "RepVGGB2",
    "RepVGGB2g4",
    "RepVGGB3",
    "RepVGGB3g4",
    "RepVGGD2se",
    "decode_predictions",
    "preprocess_input",
]
