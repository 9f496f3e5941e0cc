"""MobileNetV3 as Keras, timm and torchvision name it.

Keras's published files have slashes and capitals, as in "expanded_conv_3/squeeze_excite/Conv" and
"Conv/BatchNorm"; what Keras 3 writes has "expanded_conv_3_squeeze_excite_conv" and "conv_bn".
"""

import re

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._timm import MOBILE_BLOCKS
from kapps.weights.dialects._torchvision import STEM, head, inverted_residual

NORM = r"(?:_bn|/BatchNorm)"
FIRST = r"expanded_conv[_/]"
OTHER = r"expanded_conv_(\d+)[_/]"
SQUEEZE = r"squeeze_excite[_/][Cc]onv"

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"[Cc]onv", "stem_conv"),
        (rf"[Cc]onv{NORM}", "stem_norm"),
        (rf"{FIRST}(depthwise|project)", "stage1_block1_{0}_conv"),
        (rf"{FIRST}(depthwise|project){NORM}", "stage1_block1_{0}_norm"),
        (rf"{FIRST}{SQUEEZE}", "stage1_block1_se_reduce_conv"),
        (rf"{FIRST}{SQUEEZE}_1", "stage1_block1_se_expand_conv"),
        (rf"{OTHER}(expand|depthwise|project)", "{0:block}_{1}_conv"),
        (rf"{OTHER}(expand|depthwise|project){NORM}", "{0:block}_{1}_norm"),
        (rf"{OTHER}{SQUEEZE}", "{0:block}_se_reduce_conv"),
        (rf"{OTHER}{SQUEEZE}_1", "{0:block}_se_expand_conv"),
        (r"[Cc]onv_1", "head_conv"),
        (rf"[Cc]onv_1{NORM}", "head_norm"),
        (r"[Cc]onv_2", "head_dense"),
        (r"[Ll]ogits", "predictions"),
    ),
)


def _name_the_head(arrays):
    """timm's last stage is one convolution, whose number depends on the size of the network."""
    last = next(
        (name for name in arrays if re.fullmatch(r"blocks\.\d+\.0\.conv\.weight", name)), ""
    )
    norm = last.removesuffix("conv.weight") + "bn1."
    return {
        name.replace(norm, "head.bn1.") if last and name.startswith(norm) else name: array
        for name, array in arrays.items()
    }


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        (r"blocks\.\d+\.0\.conv", "head_conv"),
        (r"head\.bn1", "head_norm"),
        (r"conv_head", "head_dense"),
        *MOBILE_BLOCKS,
    ),
    prepare=_name_the_head,
)

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        *STEM,
        *inverted_residual(r"features\.1\.block", "stage1_block1", expands=False),
        *inverted_residual(r"features\.(\d+)\.block", "{0:block-1}"),
        *head("12|16"),  # of the small and of the large network
        (r"classifier\.0", "head_dense"),
        (r"classifier\.3", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
