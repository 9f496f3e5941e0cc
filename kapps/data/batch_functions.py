"""A user's own functions on batches, with random numbers that depend on a key."""

import inspect
from collections.abc import Callable, Sequence

import numpy as np

FIRST = 2  # after the numbers of the layers, whose key has no second part, and of mixing, with 1


def apply(functions: Sequence[Callable], images: np.ndarray, key: int) -> np.ndarray:
    """Apply functions one after the other.

    Args:
        functions: uint8 [B, H, W, C], and a numpy random generator for one that takes two
            arguments, to the same.
        images: uint8 [B, H, W, C].
        key: of the batch; the same key gives the same generators.

    Raises:
        ValueError: one returned something else.
    """
    for number, function in enumerate(functions):
        rng = np.random.default_rng([int(key), FIRST + number])
        changed = np.asarray(function(*((images, rng) if takes_two(function) else (images,))))
        if changed.shape != images.shape or changed.dtype != np.uint8:
            name = getattr(function, "__name__", repr(function))
            raise ValueError(
                f"augment: {name} returned {changed.dtype} {changed.shape} for uint8 "
                f"{images.shape}; return pictures of the same shape and type."
            )
        images = changed
    return images


def takes_two(function: Callable) -> bool:
    """Whether a function needs a random generator beside the pictures."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    return sum(one.kind in kinds and one.default is one.empty for one in found) >= 2
