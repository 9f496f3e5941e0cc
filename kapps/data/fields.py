"""Random fields over a picture: noise of all sizes, and where glass takes its pixels from."""

import numpy as np
from PIL import Image


def plasma(shape: tuple[int, int], decay: float, random: np.random.Generator) -> np.ndarray:
    """Heights by the diamond-square algorithm on a torus, the mist of ImageNet-C.

    Corners of squares give their middles, middles and corners the middles of the edges, each as a
    mean of four and a random part, in squares of half the side from round to round. That part is
    uniform in +-w^2 with w = 100 / decay^round, as the authors of ImageNet-C have it.

    Source: Fournier, Fussell and Carpenter, "Computer rendering of stochastic models", 1982;
    Hendrycks and Dietterich, 2019 (arXiv:1903.12261), whose map of 256 is cut to 224.

    Args:
        shape: height and width; the map is as wide as the next power of two.
        decay: 1 and more; more is smoother.
        random: draws the heights.

    Returns:
        float32 of the shape, cut from a map of 0..1.
    """
    side = 2 ** int(np.ceil(np.log2(max(*shape, 2))))
    heights, step, wobble = np.zeros((side, side)), side, 100.0

    def mean(*four):
        return sum(four) / 4 + random.uniform(-(wobble**2), wobble**2, four[0].shape)

    while step > 1:
        half = step // 2
        corners = heights[::step, ::step]
        right, below = np.roll(corners, -1, axis=1), np.roll(corners, -1, axis=0)
        middles = mean(corners, right, below, np.roll(right, -1, axis=0))
        heights[half::step, half::step] = middles
        heights[::step, half::step] = mean(corners, right, middles, np.roll(middles, 1, axis=0))
        heights[half::step, ::step] = mean(corners, below, middles, np.roll(middles, 1, axis=1))
        step, wobble = half, wobble / decay
    return _whole(heights)[: shape[0], : shape[1]]


def octaves(shape: tuple[int, int], decay: float, random: np.random.Generator) -> np.ndarray:
    """Noise of all sizes in 0..1, each of half the size of the one before and weaker by `decay`."""
    total, weight, cells = np.zeros(shape), 1.0, 2
    while cells < 2 * max(shape):
        grid = random.uniform(-1, 1, (cells, cells)).astype("float32")
        layer = Image.fromarray(grid).resize(shape[::-1], Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer)
        weight, cells = weight / decay, 2 * cells
    return _whole(total)


def shuffled(shape: tuple[int, int], reach: int, random: np.random.Generator) -> np.ndarray:
    """Which pixel each place shows behind glass.

    From the lower right on, each place but those at the edge takes what a place near it shows by
    then. (ImageNet-C's code says that the two change places; its arrays are views, so that the
    other one keeps what it has.)

    Args:
        shape: height and width.
        reach: places are up to so many pixels away, and one less down and to the right.
        random: chooses them.

    Returns:
        int (height, width): row times width plus column.
    """
    height, width = shape
    rows, columns = (np.arange(side - reach, reach, -1) for side in shape)
    moves = random.integers(-reach, reach, (len(rows), len(columns), 2))
    here = rows[:, None] * width + columns
    there = here + moves[..., 0] * width + moves[..., 1]
    shown = list(range(height * width))
    for place, other in zip(here.ravel().tolist(), there.ravel().tolist(), strict=True):
        shown[place] = shown[other]
    return np.array(shown).reshape(shape)


def _whole(values: np.ndarray) -> np.ndarray:
    """As shares from the lowest to the highest."""
    values = values - values.min()
    return (values / max(values.max(), 1e-6)).astype("float32")
