"""DINOv2 as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import LAYER_SCALES, TRANSFORMER_BLOCKS, split_gates

TIMM = Dialect(
    "timm",
    "torch",
    rows=(*TRANSFORMER_BLOCKS, *LAYER_SCALES, (r"reg_token", "registers/token")),
    prepare=split_gates,
)

DIALECTS = (TIMM,)
