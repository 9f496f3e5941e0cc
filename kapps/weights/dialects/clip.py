"""CLIP's image towers as timm names them."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import TRANSFORMER_BLOCKS

DIALECTS = (Dialect("timm", "torch", rows=(*TRANSFORMER_BLOCKS, (r"norm_pre", "stem_norm"))),)
