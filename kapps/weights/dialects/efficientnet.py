"""EfficientNet as Keras and timm name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

BLOCK = r"block(\d+)([a-z])_"  # block2a: the first block of the second stage
OURS = "stage{0}_block{1:number}_"

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"stem_conv", "stem_conv"),
        (r"stem_bn", "stem_norm"),
        (BLOCK + r"(expand|project)_conv", OURS + "{2}_conv"),
        (BLOCK + r"(expand|project)_bn", OURS + "{2}_norm"),
        (BLOCK + r"dwconv2?", OURS + "depthwise_conv"),  # EfficientNetV2's has the 2
        (BLOCK + r"bn", OURS + "depthwise_norm"),
        (BLOCK + r"se_(reduce|expand)", OURS + "se_{2}_conv"),
        (r"top_conv", "head_conv"),
        (r"top_bn", "head_norm"),
        (r"predictions", "predictions"),
    ),
    # ImageNet's mean and deviation, which are constants here.
    ignore=(r"normalization(_\d+)?/(mean|variance|count)",),
)

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

DIALECTS = (KERAS, TIMM)
