"""Names that Keras makes up: "conv2d_17" is whichever convolution was built then."""

import re
from collections.abc import Callable

import numpy as np


def by_rank(*prefixes: str) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A `prepare` that counts automatic names from zero, in the order they were given.

    Keras numbers layers through a whole process, so the first convolution of a file may be
    "conv2d", "conv2d_1" or "conv2d_95"; by its rank among its kind it is "conv2d_0".
    """
    automatic = re.compile(rf"({'|'.join(prefixes)})(?:_(\d+))?/(.+)")

    def prepare(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        matches = {name: match for name in arrays if (match := automatic.fullmatch(name))}
        numbers = {(match[1], int(match[2] or 0)) for match in matches.values()}
        ranks = {
            (prefix, number): rank
            for prefix in prefixes
            for rank, number in enumerate(sorted(n for p, n in numbers if p == prefix))
        }
        renamed = {
            name: f"{match[1]}_{ranks[match[1], int(match[2] or 0)]}/{match[3]}"
            for name, match in matches.items()
        }
        return {renamed.get(name, name): array for name, array in arrays.items()}

    return prepare
