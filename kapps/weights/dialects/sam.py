"""SAM's image encoder as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import TRANSFORMER_BLOCKS

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (
            r"pos_embed",  # as a map there
            "position_embedding/embedding",
            lambda array, _: array.reshape(1, -1, array.shape[-1]),
        ),
        *TRANSFORMER_BLOCKS,
        (r"blocks\.(\d+)\.attn\.rel_pos_h", "{0:block}_attention/row_table"),
        (r"blocks\.(\d+)\.attn\.rel_pos_w", "{0:block}_attention/column_table"),
        (r"neck\.0", "neck_1_conv"),
        (r"neck\.1", "neck_1_norm"),
        (r"neck\.2", "neck_2_conv"),
        (r"neck\.3", "neck_2_norm"),
    ),
)

DIALECTS = (TIMM,)
