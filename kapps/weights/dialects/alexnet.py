"""AlexNet of "One weird trick" as torchvision names it."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect


def channels_last(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:  # noqa: ARG001
    """The first layer after the flattening, from channel, row, column to row, column, channel."""
    filters = array.shape[0]
    return array.reshape(filters, 256, 6, 6).transpose(2, 3, 1, 0).reshape(-1, filters)


DIALECTS = (
    Dialect(
        "torchvision",
        "torch",
        rows=(
            # Activations and poolings count too.
            *((rf"features\.{i}", f"stage{n}_conv") for n, i in enumerate((0, 3, 6, 8, 10), 1)),
            (r"classifier\.1\.weight", "fc1/kernel", channels_last),
            (r"classifier\.1", "fc1"),
            (r"classifier\.4", "fc2"),
            (r"classifier\.6", "predictions"),
        ),
    ),
)
