"""EVA and EVA-02 as timm names them."""

import re

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import QUERY_VALUE_BIASES, TRANSFORMER_BLOCKS, split_gates


def _one_product(arrays):
    """Queries, keys and values of some files are three products; here they are one."""
    merged = {}
    for name, array in split_gates(arrays).items():
        found = re.fullmatch(r"(blocks\.\d+\.attn\.)([qkv])_proj\.(weight|bias)", name)
        if not found:
            merged[name] = array
        elif found[3] == "bias":
            merged[f"{found[1]}{found[2]}_bias"] = array
        elif found[2] == "q":
            parts = [arrays[f"{found[1]}{part}_proj.weight"] for part in "qkv"]
            merged[f"{found[1]}qkv.weight"] = np.concatenate(parts)
    return merged


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *TRANSFORMER_BLOCKS,
        *QUERY_VALUE_BIASES,
        (r"blocks\.(\d+)\.attn\.[qkv]_proj", "{0:block}_attention_qkv"),
        (r"fc_norm", "head_norm"),
    ),
    prepare=_one_product,
    ignore=(r".*\.k_bias", r"rope\..*"),
)

DIALECTS = (TIMM,)
