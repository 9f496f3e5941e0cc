"""DeiT as timm names it."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._transformers import TRANSFORMER_BLOCKS


def _heads_in_one(arrays):
    """The two classifiers of a distilled network side by side, as `MeanDense` has them."""
    if "head_dist.weight" not in arrays:
        return arrays
    arrays = dict(arrays)
    kernels = [arrays.pop(f"{name}.weight") for name in ("head", "head_dist")]
    biases = [arrays.pop(f"{name}.bias") for name in ("head", "head_dist")]
    arrays["head.weight"] = np.concatenate(kernels, axis=1)
    arrays["head.bias"] = np.stack(biases)
    return arrays


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *TRANSFORMER_BLOCKS,
        (r"dist_token", "distillation_token/token"),
        (r"head_dist", "predictions"),
    ),
    prepare=_heads_in_one,
)

DIALECTS = (TIMM,)
