"""EfficientNetV2 as Keras and timm name it; Keras's names are those of EfficientNet."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS
from kapps.weights.dialects.efficientnet import KERAS

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"blocks\.0\.(\d+)\.conv", "stage1_block{0:+1}_project_conv"),
        (r"blocks\.0\.(\d+)\.bn1", "stage1_block{0:+1}_project_norm"),
        (r"blocks\.([12])\.(\d+)\.conv_exp", "stage{0:+1}_block{1:+1}_expand_conv"),
        # In a fused block the second normalisation is already that of the projection.
        (r"blocks\.([12])\.(\d+)\.bn2", "stage{0:+1}_block{1:+1}_project_norm"),
        *MOBILE_BLOCKS,
    ),
)

DIALECTS = (KERAS, TIMM)
