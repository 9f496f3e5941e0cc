"""DINO as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import TRANSFORMER_BLOCKS

DIALECTS = (Dialect("timm", "torch", rows=TRANSFORMER_BLOCKS),)
