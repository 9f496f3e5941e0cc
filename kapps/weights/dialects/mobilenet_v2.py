"""MobileNetV2 as Keras, timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"Conv1", "stem_conv"),
        (r"bn_Conv1", "stem_norm"),
        (r"expanded_conv_(depthwise|project)", "stage1_block1_{0}_conv"),
        (r"expanded_conv_(depthwise|project)_BN", "stage1_block1_{0}_norm"),
        (r"block_(\d+)_(expand|depthwise|project)", "{0:block}_{1}_conv"),
        (r"block_(\d+)_(expand|depthwise|project)_BN", "{0:block}_{1}_norm"),
        (r"Conv_1", "head_conv"),
        (r"Conv_1_bn", "head_norm"),
        (r"predictions|Logits", "predictions"),
    ),
)

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        (r"features\.0\.0", "stem_conv"),
        (r"features\.0\.1", "stem_norm"),
        (r"features\.1\.conv\.0\.0", "stage1_block1_depthwise_conv"),
        (r"features\.1\.conv\.0\.1", "stage1_block1_depthwise_norm"),
        (r"features\.1\.conv\.1", "stage1_block1_project_conv"),
        (r"features\.1\.conv\.2", "stage1_block1_project_norm"),
        (r"features\.18\.0", "head_conv"),
        (r"features\.18\.1", "head_norm"),
        (r"features\.(\d+)\.conv\.0\.0", "{0:block-1}_expand_conv"),
        (r"features\.(\d+)\.conv\.0\.1", "{0:block-1}_expand_norm"),
        (r"features\.(\d+)\.conv\.1\.0", "{0:block-1}_depthwise_conv"),
        (r"features\.(\d+)\.conv\.1\.1", "{0:block-1}_depthwise_norm"),
        (r"features\.(\d+)\.conv\.2", "{0:block-1}_project_conv"),
        (r"features\.(\d+)\.conv\.3", "{0:block-1}_project_norm"),
        (r"classifier\.1", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
