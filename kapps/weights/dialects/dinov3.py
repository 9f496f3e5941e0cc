"""DINOv3's transformers as timm names them."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import LAYER_SCALES, TRANSFORMER_BLOCKS

TIMM = Dialect(
    "timm",
    "torch",
    rows=(*TRANSFORMER_BLOCKS, *LAYER_SCALES, (r"reg_token", "registers/token")),
    ignore=(r"rope\..*",),
)

DIALECTS = (TIMM,)
