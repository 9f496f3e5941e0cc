"""MnasNet as timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

# torchvision numbers layers through: the stem and the first block one by one, then the stages from
# 8 on, and the three layers of a convolution, 0, 1 and 2, within their blocks.
BLOCK = r"layers\.(\d+)\.(\d+)\.layers"
TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"layers\.0", "stem_conv"),
        (r"layers\.1", "stem_norm"),
        (r"layers\.3", "stage1_block1_depthwise_conv"),
        (r"layers\.4", "stage1_block1_depthwise_norm"),
        (r"layers\.6", "stage1_block1_project_conv"),
        (r"layers\.7", "stage1_block1_project_norm"),
        (rf"{BLOCK}\.0", "stage{0:-6}_block{1:+1}_expand_conv"),
        (rf"{BLOCK}\.1", "stage{0:-6}_block{1:+1}_expand_norm"),
        (rf"{BLOCK}\.3", "stage{0:-6}_block{1:+1}_depthwise_conv"),
        (rf"{BLOCK}\.4", "stage{0:-6}_block{1:+1}_depthwise_norm"),
        (rf"{BLOCK}\.6", "stage{0:-6}_block{1:+1}_project_conv"),
        (rf"{BLOCK}\.7", "stage{0:-6}_block{1:+1}_project_norm"),
        (r"layers\.14", "head_conv"),
        (r"layers\.15", "head_norm"),
        (r"classifier\.1", "predictions"),
    ),
)

DIALECTS = (TIMM, TORCHVISION)
