"""Inception-v4: Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning
(Szegedy et al., 2016, arXiv:1602.07261).
"""

from kapps.applications._application import Application, Flavor, reference
from kapps.applications.imagenet_utils import decode_predictions, preprocess_input
from kapps.layers import Blocks
from kapps.layers.inception import AVG_POOL, MAX_POOL, mixed

ROW, COLUMN = (1, 7), (7, 1)  # height x width; the published network swaps some of the paper's
FIGURE_3 = (  # the end of the stem
    ([MAX_POOL], [(96, 3, 2)]),
    (
        [(64, 1), (96, 3, 1, "valid")],
        [(64, 1), (64, ROW), (64, COLUMN), (96, 3, 1, "valid")],
    ),
)
FIGURE_3_END = ([(192, 3, 2)], [MAX_POOL])
FIGURE_4 = (  # Inception-A
    [(96, 1)],
    [(64, 1), (96, 3)],
    [(64, 1), (96, 3), (96, 3)],
    [AVG_POOL, (96, 1)],
)
FIGURE_5 = (  # Inception-B
    [(384, 1)],
    [(192, 1), (224, ROW), (256, COLUMN)],
    [(192, 1), (192, COLUMN), (224, ROW), (224, COLUMN), (256, ROW)],
    [AVG_POOL, (128, 1)],
)
FIGURE_6 = (  # Inception-C
    [(256, 1)],
    [(384, 1), [(256, (1, 3)), (256, (3, 1))]],
    [(384, 1), (448, (3, 1)), (512, (1, 3)), [(256, (1, 3)), (256, (3, 1))]],
    [AVG_POOL, (256, 1)],
)
FIGURE_7 = ([(384, 3, 2)], [(192, 1), (224, 3), (256, 3, 2)], [MAX_POOL])  # Reduction-A
FIGURE_8 = (  # Reduction-B
    [(192, 1), (192, 3, 2)],
    [(256, 1), (256, ROW), (320, COLUMN), (320, 3, 2)],
    [MAX_POOL],
)
STAGES = {  # figure 9; the stem goes on as far as the first Inception-A
    2: FIGURE_3,
    3: (FIGURE_3_END, *(FIGURE_4,) * 4),
    4: (FIGURE_7, *(FIGURE_5,) * 7),
    5: (FIGURE_8, *(FIGURE_6,) * 3),
}


def backbone(x, nn: Blocks):
    x = nn.conv_norm_act(x, 32, 3, strides=2, padding="valid", name="stem")
    x = nn.conv_norm_act(x, 32, 3, padding="valid", name="stage1_block1")
    x = nn.conv_norm_act(x, 64, 3, name="stage1_block2")
    for stage, blocks in STAGES.items():
        for index, block in enumerate(blocks, 1):
            x = mixed(x, nn, block, name=f"stage{stage}_block{index}")
    return x


InceptionV4 = Application(
    "InceptionV4",
    backbone,
    size=299,
    min_size=75,
    flavors={"torch": Flavor("tensorflow", norm_momentum=0.9, interpolation="bicubic")},
    stages={1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    references=(reference("timm/inception_v4", "torch"),),
)

__all__ = ["InceptionV4", "decode_predictions", "preprocess_input"]
