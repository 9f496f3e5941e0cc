"""FBNet as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS

TIMM = Dialect(
    "timm",
    "torch",
    # Its first stage expands, so it is named like the others.
    rows=tuple(row for row in MOBILE_BLOCKS if not row[0].startswith(r"blocks\.0")),
)

DIALECTS = (TIMM,)
