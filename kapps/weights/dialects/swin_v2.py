"""Swin V2 as timm and torchvision name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects.swin import BLOCK, OURS
from kapps.weights.dialects.swin import TIMM as SWIN

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *SWIN.rows,
        (BLOCK + r"attn\.(logit_scale)", OURS + "attention/{2}"),
        (BLOCK + r"attn\.q_bias", OURS + "attention_qkv_bias/query_bias"),
        (BLOCK + r"attn\.v_bias", OURS + "attention_qkv_bias/value_bias"),
        (BLOCK + r"attn\.cpb_mlp\.0\.weight", OURS + "attention/hidden_kernel", lambda a, _: a.T),
        (BLOCK + r"attn\.cpb_mlp\.0\.bias", OURS + "attention/hidden_bias"),
        (BLOCK + r"attn\.cpb_mlp\.2\.weight", OURS + "attention/bias_kernel", lambda a, _: a.T),
    ),
    ignore=(*SWIN.ignore, r".*\.relative_coords_table", r".*\.attn\.k_bias"),
)

DIALECTS = (TIMM,)
