"""VGG as Keras, timm and torchvision name it."""

import re

import numpy as np

from kapps.weights.dialects._dialect import Dialect


def by_rank(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`features.7` as `features.3.conv`, the convolution of block 3, or its `features.3.norm`.

    torch counts the activations and poolings too; a normalisation follows its convolution.
    """
    numbers = [
        int(name.split(".")[1])
        for name, array in arrays.items()
        if name.startswith("features.") and array.ndim == 4
    ]
    roles = {}
    for rank, number in enumerate(sorted(numbers)):
        roles |= {str(number): f"{rank}.conv", str(number + 1): f"{rank}.norm"}
    return {
        re.sub(r"(?<=^features\.)\d+", lambda match: roles.get(match[0], match[0]), name): array
        for name, array in arrays.items()
    }


def channels_last(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:  # noqa: ARG001
    """The first layer after the flattening, from channel, row, column to row, column, channel."""
    filters = array.shape[0]
    return array.reshape(filters, 512, 7, 7).transpose(2, 3, 1, 0).reshape(-1, filters)


KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"block(\d)_conv(\d)", "stage{0}_block{1}_conv"),
        (r"(fc1|fc2|predictions)", "{0}"),
    ),
    bgr=True,
)

FEATURES = (r"features\.(\d+)(?:\.(conv|norm))?", "{0:block}_{1}")

TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        FEATURES,
        (r"pre_logits\.fc1\.weight", "fc1/kernel", channels_last),
        (r"pre_logits\.(fc1|fc2)", "{0}"),
        (r"head\.fc", "predictions"),
    ),
    prepare=by_rank,
)

TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        FEATURES,
        (r"classifier\.0\.weight", "fc1/kernel", channels_last),
        (r"classifier\.0", "fc1"),
        (r"classifier\.3", "fc2"),
        (r"classifier\.6", "predictions"),
    ),
    prepare=by_rank,
)

DIALECTS = (KERAS, TIMM, TORCHVISION)
