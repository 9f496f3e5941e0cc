"""Neocognitron: A Self-organizing Neural Network Model (Fukushima, 1980, Biol. Cybernetics 36).

The layers have the paper's sizes: 16x16 in U0, 24 planes of 16x16 in US1, 10x10 in UC1, 8x8 in US2,
6x6 in UC2, 2x2 in US3 and 1x1 in UC3. The paper lets the strongest cells teach themselves and reads
the answer off the last plane that fires; here gradients train the same cells, and a dense layer
reads UC3.
"""

from kapps.applications._application import Application, Flavor
from kapps.applications.imagenet_utils import preprocess_input
from kapps.layers import Blocks, CCells, SCells

PLANES = 24
STAGES = (  # r of the S-cells (section 5), padding of S, size, strides and zeros before and after C
    (4.0, 2, 5, 2, (3, 4)),
    (1.5, 1, 5, 2, (3, 4)),
    (1.5, 0, 2, 2, (0, 0)),
)


def backbone(x, nn: Blocks):
    for stage, (selectivity, padding, size, strides, around) in enumerate(STAGES, 1):
        name = f"stage{stage}"
        if padding:
            x = nn.pad(x, padding, f"{name}_simple")
        x = SCells(PLANES, 5, selectivity, nn.data_format, name=f"{name}_simple")(x)
        # Cells of UC lie less densely than those of US; the paper gives their numbers.
        if any(around):
            x = nn.pad(x, (around, around), f"{name}_complex")
        x = CCells(size, strides, data_format=nn.data_format, name=f"{name}_complex")(x)
    return x


Neocognitron = Application(
    "Neocognitron",
    backbone,
    size=16,
    min_size=16,
    channels=1,
    classes=10,
    flavors={"keras": Flavor("unit", crop_pct=1.0)},
    stages={1: 1, 2: 2, 3: 3},
)

__all__ = ["Neocognitron", "preprocess_input"]
