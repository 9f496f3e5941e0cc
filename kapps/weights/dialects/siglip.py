"""SigLIP as timm names it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import TRANSFORMER_BLOCKS


def _split(arrays):
    """Keys and values of the pooling, which are one tensor in the files."""
    split = dict(arrays)
    for leaf in ("weight", "bias"):
        packed = split.pop(f"attn_pool.kv.{leaf}", None)
        if packed is not None:
            half = len(packed) // 2
            split[f"attn_pool.k.{leaf}"] = packed[:half]
            split[f"attn_pool.v.{leaf}"] = packed[half:]
    return split


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *TRANSFORMER_BLOCKS,
        (r"attn_pool\.latent", "head_latent/latent", lambda array, _: array[0]),
        (r"attn_pool\.q", "head_pool_query"),
        (r"attn_pool\.kv?", "head_pool_key"),
        (r"attn_pool\.v", "head_pool_value"),
        (r"attn_pool\.proj", "head_pool_project"),
        (r"attn_pool\.norm", "head_mlp_norm"),
        (r"attn_pool\.mlp\.fc1", "head_mlp_expand"),
        (r"attn_pool\.mlp\.fc2", "head_mlp_project"),
    ),
    prepare=_split,
)

DIALECTS = (TIMM,)
