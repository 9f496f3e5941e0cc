"""Tables that hold a vector for each place of a grid, for a grid of another size."""

import math

import numpy as np


def resample_grid(table: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bicubic interpolation with antialiasing, as torch and Pillow compute it.

    Args:
        table: (side * side, channels), the rows of a square grid one after the other.
        size: height and width of the new grid.

    Returns:
        (height * width, channels), float32.

    Raises:
        ValueError: the table is not that of a square grid.
    """
    side = math.isqrt(len(table))
    if side * side != len(table):
        raise ValueError(f"{len(table)} places are no square grid, and cannot be interpolated")
    grid = table.reshape(side, side, -1).astype("float64")
    rows, columns = (_weights(side, new) for new in size)
    grid = np.einsum("ij,jkc->ikc", rows, grid)
    grid = np.einsum("ij,kjc->kic", columns, grid)
    return grid.reshape(size[0] * size[1], -1).astype("float32")


def _weights(old: int, new: int) -> np.ndarray:
    """(new, old): how much of each old sample is in each new one."""
    step = old / new
    wide = max(step, 1.0)  # shrinking widens the filter: that is the antialiasing
    centres = (np.arange(new) + 0.5) * step
    weights = _cubic((np.arange(old) + 0.5 - centres[:, None]) / wide)
    return weights / weights.sum(axis=1, keepdims=True)


def _cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    """Keys's cubic convolution kernel (1981), of support [-2, 2]."""
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
