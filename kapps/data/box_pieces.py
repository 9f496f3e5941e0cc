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
    for _ in range(TRIES):
        across, down = rng.uniform(*SIDES, 2)
        ratio = across * width / (down * height)
        if not 1 / RATIO <= ratio <= RATIO:
            continue
        left, top = rng.uniform(0, 1 - across), rng.uniform(0, 1 - down)
        piece = np.array([left, top, left + across, top + down])
        if _overlap(piece, boxes).max() >= least:
            sides = (math.ceil(across * width), math.ceil(down * height))
            start = (math.floor(left * width), math.floor(top * height))
            wide, tall = min(sides[0], width - start[0]), min(sides[1], height - start[1])
            return start[0], start[1], max(1, wide), max(1, tall)
    return 0, 0, width, height


def _overlap(piece: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a piece (4,) with each of the boxes (N, 4)."""
    sides = np.minimum(piece[2:], boxes[:, 2:]) - np.maximum(piece[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    area = (piece[2:] - piece[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / np.maximum(area - shared, 1e-12)
