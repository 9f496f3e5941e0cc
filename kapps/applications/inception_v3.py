"""InceptionV3: Rethinking the Inception Architecture (Szegedy et al., 2015, arXiv:1512.00567).

With `aux=True` the classifier on the side is a second output; the losses of the published training
recipes weigh it by 0.4.
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.inception import AVG_POOL, MAX_POOL, mixed, side_pool, stem


def figure_5(pool_filters):
    """Two 3x3 for one of the 5x5 of GoogLeNet; the other one stayed in the published network."""
    return (
        [(64, 1)],
        [(48, 1), (64, 5)],
        [(64, 1), (96, 3), (96, 3)],
        [AVG_POOL, (pool_filters, 1)],
    )


def figure_6(filters):
    """7x7 convolutions as 1x7 and 7x1 (height x width)."""
    row, column = (1, 7), (7, 1)
    return (
        [(192, 1)],
        [(filters, 1), (filters, row), (192, column)],
        [(filters, 1), (filters, column), (filters, row), (filters, column), (192, row)],
        [AVG_POOL, (192, 1)],
    )


FIGURE_7 = (  # wide at the coarsest resolution
    [(320, 1)],
    [(384, 1), [(384, (1, 3)), (384, (3, 1))]],
    [(448, 1), (384, 3), [(384, (1, 3)), (384, (3, 1))]],
    [AVG_POOL, (192, 1)],
)
FIGURE_10_TO_17 = ([(384, 3, 2)], [(64, 1), (96, 3), (96, 3, 2)], [MAX_POOL])
FIGURE_10_TO_8 = (
    [(192, 1), (320, 3, 2)],
    [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2)],
    [MAX_POOL],
)
STAGES = {  # table 1, by maps of 35, 17 and 8 pixels
    3: (figure_5(32), figure_5(64), figure_5(64)),
    4: (FIGURE_10_TO_17, figure_6(128), figure_6(160), figure_6(160), figure_6(192)),
    5: (FIGURE_10_TO_8, FIGURE_7, FIGURE_7),
}


def side(x, nn: Blocks):
    """Figure 8, with the filters of the published network: 17 pixels become 5, and 5 become 1."""
    x = side_pool(x, nn, 17, name="aux_pool")
    x = nn.conv_norm_act(x, 128, name="aux_1")
    x = nn.conv_norm_act(x, 768, 5, padding="valid", name="aux_2")
    return nn.global_avg_pool(x, name="aux_avg_pool")


def backbone(x, nn: Blocks, *, count_padding: bool, aux: bool):
    x = stem(x, nn)
    for stage, blocks in STAGES.items():
        for index, block in enumerate(blocks, 1):
            x = mixed(x, nn, block, count_padding, name=f"stage{stage}_block{index}")
        if stage == 4:
            last_of_17_pixels = x
    return (x, {"aux": side(last_of_17_pixels, nn)}) if aux else x


InceptionV3 = Application(
    "InceptionV3",
    backbone,
    size=299,
    min_size=75,
    flavors={
        "keras": Flavor(
            "tensorflow", blocks={"norm_scale": False}, config={"count_padding": False}
        ),
        "torch": Flavor(
            "tensorflow",
            norm_momentum=0.9,
            interpolation="bicubic",
            config={"count_padding": True},
        ),
    },
    arguments={"aux": False},
    stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    references=(
        reference("keras/InceptionV3", "keras"),
        reference("timm/inception_v3", "torch"),
        reference("torchvision/inception_v3", "torch"),
    ),
)

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]
