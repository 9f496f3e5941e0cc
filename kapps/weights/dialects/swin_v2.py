"""Swin V2 as timm and torchvision name it."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects.swin import BLOCK, OURS
from kapps.weights.dialects.swin import TIMM as SWIN
from kapps.weights.dialects.swin import TORCHVISION as SWIN_TORCHVISION

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


def _split_biases(arrays):
    """torchvision's files have a bias of the keys too, which its code keeps at zero."""
    split = {}
    for name, array in arrays.items():
        if name.endswith("attn.qkv.bias"):
            query, _, value = np.split(array, 3)
            split[name.replace("qkv.bias", "q_bias")] = query
            split[name.replace("qkv.bias", "v_bias")] = value
        else:
            split[name] = array
    return split


def _torchvision(stage: int):
    """The rows of a stage beside those that Swin has too."""
    block = rf"features\.{2 * stage - 1}\.(\d+)\.attn\."
    ours = f"stage{stage}_block{{0:+1}}_attention"
    return (
        (block + "logit_scale", ours + "/logit_scale"),
        (block + "q_bias", ours + "_qkv_bias/query_bias"),
        (block + "v_bias", ours + "_qkv_bias/value_bias"),
        (block + r"cpb_mlp\.0\.weight", ours + "/hidden_kernel", lambda array, _: array.T),
        (block + r"cpb_mlp\.0\.bias", ours + "/hidden_bias"),
        (block + r"cpb_mlp\.2\.weight", ours + "/bias_kernel", lambda array, _: array.T),
    )


TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(*SWIN_TORCHVISION.rows, *(row for stage in (1, 2, 3, 4) for row in _torchvision(stage))),
    prepare=_split_biases,
    ignore=(*SWIN_TORCHVISION.ignore, r".*\.relative_coords_table"),
)

DIALECTS = (TIMM, TORCHVISION)
