"""BEiT as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import (
    LAYER_SCALES,
    QUERY_VALUE_BIASES,
    TRANSFORMER_BLOCKS,
)

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *TRANSFORMER_BLOCKS,
        *LAYER_SCALES,
        *QUERY_VALUE_BIASES,
        (
            r"blocks\.(\d+)\.attn\.relative_position_bias_table",
            "{0:block}_attention/table",
        ),
        (r"fc_norm", "head_norm"),
    ),
    ignore=(r".*\.relative_position_index",),
)

DIALECTS = (TIMM,)
