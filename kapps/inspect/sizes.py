"""Small maps laid over the image that they are of."""

import numpy as np


def resized(maps: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Maps at another size, bilinear between the middles of their positions.

    Args:
        maps: float (batch, rows, columns).
        sides: height and width in pixels.

    Returns:
        float32 (batch, height, width).
    """
    for axis, side in ((1, sides[0]), (2, sides[1])):
        maps = _along(np.asarray(maps, "float32"), axis, side)
    return maps


def _along(maps: np.ndarray, axis: int, side: int) -> np.ndarray:
    count = maps.shape[axis]
    places = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
    low = np.minimum(places.astype(int), max(count - 2, 0))
    high = np.minimum(low + 1, count - 1)
    share = (places - low).astype("float32").reshape([-1 if i == axis else 1 for i in range(3)])
    return (1 - share) * maps.take(low, axis) + share * maps.take(high, axis)
