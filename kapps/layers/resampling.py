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


def resample_line(table: np.ndarray, size: int) -> np.ndarray:
    """Linear interpolation between samples that stand for equal pieces, constant at the ends.

    Args:
        table: (n, channels). size: of the new one.

    Returns:
        (size, channels), float32.
    """
    places = (np.arange(size) + 0.5) * len(table) / size - 0.5
    places = np.clip(places, 0, len(table) - 1)
    low = np.minimum(places.astype(int), max(len(table) - 2, 0))
    high = np.minimum(low + 1, len(table) - 1)
    share = (places - low)[:, None]
    return ((1 - share) * table[low] + share * table[high]).astype("float32")


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


def resample_offsets(table: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """A table of numbers for offsets, for a grid of another size.

    The old offsets are spread so that small ones stay nearly where they are and steps grow
    geometrically towards the edge; between them it is linear.

    Source: BEiT (Bao et al., 2021), its fine-tuning code's rule, with timm's linear interpolation.

    Args:
        table: ((2 * side - 1) ** 2, heads), of a square grid.
        grid: height and width of the new one.

    Raises:
        ValueError: the table is not that of a square grid.
    """
    old = math.isqrt(len(table))
    if old * old != len(table):
        raise ValueError(f"{len(table)} offsets are those of no square grid")
    values = table.reshape(old, old, -1).astype("float64")
    for axis, side in enumerate(grid):
        new = 2 * side - 1
        if new != old:
            weights = _linear(_spread(old, new), np.arange(new) - new // 2)
            values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return values.reshape(-1, table.shape[-1]).astype("float32")


def _spread(old: int, new: int) -> np.ndarray:
    """Where `old` offsets lie among `new` ones: steps of 1, q, q**2, ... from the centre."""
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        q = (low + high) / 2
        if (1 - q ** (old // 2)) / (1 - q) > new // 2:
            high = q
        else:
            low = q
    steps = np.cumsum(q ** np.arange(old // 2))
    return np.concatenate([-steps[::-1], [0], steps])


def _linear(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(new, old): weights of linear interpolation; beyond the ends the last sample stays."""
    new = np.clip(new, old[0], old[-1])
    right = np.clip(np.searchsorted(old, new), 1, len(old) - 1)
    share = (new - old[right - 1]) / (old[right] - old[right - 1])
    weights = np.zeros((len(new), len(old)))
    weights[np.arange(len(new)), right - 1] = 1 - share
    weights[np.arange(len(new)), right] = share
    return weights
