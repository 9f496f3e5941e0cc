"""EfficientNet as Keras, timm and torchvision name it."""

import re

import numpy as np

from kapps.errors import WeightsError
from kapps.weights.dialects._dialect import Dialect, Normalization
from kapps.weights.dialects._timm import MOBILE_BLOCKS
from kapps.weights.dialects._torchvision import STEM, head, inverted_residual

IMAGENET_MEAN = (0.485, 0.456, 0.406)
NORMALIZATION = re.compile(r"normalization(_\d+)?/(mean|variance)")
UNIT = ((0.0,) * 3, (255.0,) * 3)  # x / 255, which comes before that layer
BLOCK = r"block(\d+)([a-z])_"  # block2a: the first block of the second stage
OURS = "stage{0}_block{1:number}_"


def check_normalization(arrays: dict[str, np.ndarray], normalization: Normalization) -> None:
    """Refuse a file whose own normalisation is not ImageNet's, which is a constant here.

    Keras's network has it among its weights, the identity where it was built with weights=None;
    that fits a network without one, whose caller normalises, and one that divides by 255 alone. The
    mean decides: published files hold deviations where the variances belong, live ones do not.
    """
    found = {
        m[2]: np.ravel(a) for name, a in arrays.items() if (m := NORMALIZATION.fullmatch(name))
    }
    mean = found.get("mean")
    if mean is None or np.allclose(mean, IMAGENET_MEAN, atol=1e-3):
        return
    is_identity = not mean.any() and np.all(found.get("variance", 1) == 1)
    if is_identity and normalization in (None, UNIT):
        return
    fix = "adapt the Normalization layer in Keras, train on, and save again"
    if is_identity:
        fix = 'add include_preprocessing="unit", which is what it was trained with, or False'
    raise WeightsError(
        f"the file normalises with the mean {mean.tolist()}, expected ImageNet's "
        f"{list(IMAGENET_MEAN)}; this network cannot hold another: {fix}"
    )


KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"stem_conv", "stem_conv"),
        (r"stem_bn", "stem_norm"),
        (BLOCK + r"(expand|project)_conv", OURS + "{2}_conv"),
        (BLOCK + r"(expand|project)_bn", OURS + "{2}_norm"),
        (BLOCK + r"dwconv2?", OURS + "depthwise_conv"),  # EfficientNetV2's has the 2
        (BLOCK + r"bn", OURS + "depthwise_norm"),
        (BLOCK + r"se_(reduce|expand)", OURS + "se_{2}_conv"),
        (r"top_conv", "head_conv"),
        (r"top_bn", "head_norm"),
        (r"predictions", "predictions"),
    ),
    check=check_normalization,
    ignore=(r"normalization(_\d+)?/(mean|variance|count)",),
)

TIMM = Dialect("timm", "torch", rows=MOBILE_BLOCKS)

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        *STEM,
        *inverted_residual(r"features\.1\.(\d+)\.block", "stage1_block{0:+1}", expands=False),
        *inverted_residual(r"features\.(\d)\.(\d+)\.block", "stage{0}_block{1:+1}"),
        *head("8"),
        (r"classifier\.1", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
