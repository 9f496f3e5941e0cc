"""PNASNet-5: Progressive Neural Architecture Search (Liu et al., 2017, arXiv:1712.00559)."""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.nasnet_cells import Cell, apply

PAIRS = (  # figure 1, left; "p" is the map before the current one, "h"
    (("separable", 5, "p"), ("max_pool", 3, "p")),
    (("separable", 7, "h"), ("max_pool", 3, "h")),
    (("separable", 5, "h"), ("separable", 3, "h")),
    (("separable", 3, 3), ("max_pool", 3, "h")),
    (("separable", 3, "p"), ("identity", 0, "h")),
)
OUTPUTS = (1, 2, 3, 4, 5)
NORMAL, REDUCTION = Cell(1, PAIRS, OUTPUTS), Cell(2, PAIRS, OUTPUTS)


def backbone(x, nn: Blocks, *, num_cells: int, filters: int):
    p = nn.conv_norm_act(x, 96, 3, strides=2, padding="valid", activation=False, name="stem")
    x = apply(REDUCTION, p, None, nn, filters // 4, name="stage2_block1")
    p, x = x, apply(REDUCTION, x, p, nn, filters // 2, halve=True, name="stage3_block1")
    # The cell that halves is one of the `num_cells`, but for the one before them.
    for stage, cells in ((3, num_cells + 1), (4, num_cells), (5, num_cells)):
        if stage > 3:
            filters *= 2
            p, x = x, apply(REDUCTION, x, p, nn, filters, name=f"stage{stage}_block1")
        for block in range(2, cells + 1):
            name = f"stage{stage}_block{block}"
            p, x = x, apply(NORMAL, x, p, nn, filters, halve=block == 2, name=name)
    return nn.act(x, name="stage5_act")


PNASNet5Large = Application(
    "PNASNet5Large",
    backbone,
    size=331,
    flavors={
        "torch": Flavor("tensorflow", norm_momentum=0.9, crop_pct=0.911, interpolation="bicubic")
    },
    config={"num_cells": 4, "filters": 216},  # table 4: N = 4, F = 216
    stages={2: 2, 3: 3, 4: 4, 5: 5},
    references=(reference("timm/pnasnet5large", "torch"),),
)

__all__ = ["PNASNet5Large", "decode_predictions", "preprocess_input"]
