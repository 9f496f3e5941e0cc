"""SqueezeNet as torchvision names it."""

import re

import numpy as np

from kapps.weights.dialects._dialect import Dialect

FIRE = re.compile(r"features\.(\d+)(?=\.(?:squeeze|expand))")


def by_rank(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`features.6.squeeze` as `features.2.squeeze`, the third fire module: poolings count too."""
    numbers = sorted({int(match[1]) for name in arrays if (match := FIRE.match(name))})

    def ranked(match: re.Match) -> str:
        return f"features.{numbers.index(int(match[1]))}"

    return {FIRE.sub(ranked, name): array for name, array in arrays.items()}


DIALECTS = (
    Dialect(
        "torchvision",
        "torch",
        rows=(
            (r"features\.0", "stage1_conv"),
            (r"features\.(\d+)\.squeeze", "{0:block}_squeeze_conv"),
            (r"features\.(\d+)\.expand(\d)x\d", "{0:block}_expand{1}_conv"),
            (r"classifier\.1", "predictions"),
        ),
        prepare=by_rank,
    ),
)
