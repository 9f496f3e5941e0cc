"""LR-ASPP as torchvision names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects.deeplab import NUMBERED

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    body="torchvision",
    renames=(NUMBERED,),
    rows=(
        (r"classifier\.cbr\.0", "head_high_conv"),
        (r"classifier\.cbr\.1", "head_high_norm"),
        (r"classifier\.scale\.1", "head_squeeze_conv"),
        (r"classifier\.(low|high)_classifier", "{0}_predictions"),
    ),
)

DIALECTS = (TORCHVISION,)
