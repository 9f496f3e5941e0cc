"""Pieces of photos by the boxes in them, as SSD is trained."""

import math

import numpy as np

TRIES = 50
SIDES = (0.3, 1.0)  # of a piece, in those of the photo; the paper's 0.1 leaves hardly any pixels
RATIO = 2.0  # of its width and height, one way or the other


def choose(
    width: int,
    height: int,
    boxes: np.ndarray,
    overlaps: tuple[float, ...],
    rng: np.random.Generator,
) -> tuple[int, int, int, int]:
    """The whole photo, or a random piece that some box overlaps by a least amount.

    Which of these is drawn anew for each photo: the whole, each of `overlaps`, and any piece (Liu
    et al., 2016, arXiv:1512.02325, section 2.2, "data augmentation"). A box stays if enough of it
    is visible, see `kapps.data.placement.LEAST_VISIBLE`; the paper asks for its middle.

    Args:
        width, height: of the photo in pixels.
        boxes: [N, 4], shares of width and height.
        overlaps: least intersections over union of the piece and one of the boxes.
        rng: what chance is drawn from.

    Returns:
        Left, top, width and height of the piece in pixels.
    """
    choice = int(rng.integers(len(overlaps) + 2))
    if choice == 0 or not len(boxes):
        return 0, 0, width, height
    least = overlaps[choice - 1] if choice <= len(overlaps) else 0.0
    sides = rng.uniform(*SIDES, (TRIES, 2))
    start = rng.uniform(0, 1, (TRIES, 2)) * (1 - sides)
    ratio = sides[:, 0] * width / (sides[:, 1] * height)
    pieces = np.concatenate([start, start + sides], 1)
    fits = (ratio >= 1 / RATIO) & (ratio <= RATIO) & (_overlaps(pieces, boxes).max(1) >= least)
    if not fits.any():
        return 0, 0, width, height
    left, top, right, bottom = pieces[fits.argmax()]
    first = math.floor(left * width), math.floor(top * height)
    wide = min(math.ceil((right - left) * width), width - first[0])
    tall = min(math.ceil((bottom - top) * height), height - first[1])
    return *first, max(1, wide), max(1, tall)


def _overlaps(pieces: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of each of the pieces (M, 4) with each of the boxes (N, 4)."""
    pieces = pieces[:, None]
    sides = np.minimum(pieces[..., 2:], boxes[:, 2:]) - np.maximum(pieces[..., :2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(-1)
    area = (pieces[..., 2:] - pieces[..., :2]).prod(-1) + (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return shared / np.maximum(area - shared, 1e-12)
