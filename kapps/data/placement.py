"""Where a photo lies in the input of a network, and what that means for boxes and masks.

Every geometry of `kapps.data.transforms` is a cut and a stretch along the two axes, perhaps
mirrored: two corners of the photo say it all. Coordinates are those of edges, not of the middles of
pixels: a photo 640 wide reaches from 0 to 640.
"""

import dataclasses
from typing import Self

import numpy as np

LEAST_VISIBLE = 0.25  # share of a box's area that must be left of it after a cut
Window = tuple[int, int, int, int]  # left, top, right, bottom of a part of the input, in pixels
IGNORE = 255  # in a mask: a pixel that counts for nothing


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where the corners of a photo lie, in pixels of the input.

    Attributes:
        left, top: where the photo's own left upper corner is; may be outside of the input.
        right, bottom: where its right lower corner is; right < left where it is mirrored.
    """

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of_piece(
        cls, piece: tuple[float, float, float, float], size: tuple[int, int], flip: bool = False
    ) -> Self:
        """Of a piece of the photo that fills the input.

        Args:
            piece: left, top, right and bottom as shares of the photo's width and height.
            size: (height, width) of the input.
            flip: whether the piece is then mirrored left to right.
        """
        (left, top, right, bottom), (height, width) = piece, size
        across, down = width / (right - left), height / (bottom - top)
        x = (-left * across, (1 - left) * across)
        if flip:
            x = (width - x[0], width - x[1])
        return cls(x[0], -top * down, x[1], (1 - top) * down)

    def moved(self, across: float, down: float) -> Self:
        """The same so many pixels further to the right and below."""
        return type(self)(
            self.left + across, self.top + down, self.right + across, self.bottom + down
        )

    @property
    def _frame(self) -> tuple[np.ndarray, np.ndarray]:
        """Origin and extent of the photo, for rows of (x, y, x, y)."""
        origin = np.array([self.left, self.top] * 2)
        return origin, np.array([self.right - self.left, self.bottom - self.top] * 2)

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Where boxes of the photo lie in the input, not cut off.

        Args:
            boxes: [N, 4], left, top, right, bottom as shares of the photo's width and height.

        Returns:
            float64 [N, 4] in pixels of the input.
        """
        origin, extent = self._frame
        return _ordered(origin + np.asarray(boxes, np.float64) * extent)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Where points [..., 2] of the photo, shares of its width and height, lie in the input."""
        origin, extent = self._frame
        return origin[:2] + np.asarray(points, np.float64) * extent[:2]

    def back(self, boxes: np.ndarray, size: tuple[int, int], cut: bool = True) -> np.ndarray:
        """The boxes of detections, from pixels of the input to pixels of the photo.

        Args:
            boxes: [..., 4], left, top, right, bottom in pixels of the input.
            size: (width, height) of the photo.
            cut: whether what sticks out of the photo is cut off.

        Returns:
            float32 [..., 4] in pixels of the photo.
        """
        corners = np.asarray(boxes, np.float64)
        corners = corners.reshape(*corners.shape[:-1], 2, 2)
        moved = _ordered(self.back_points(corners, size).reshape(np.shape(boxes)))
        return (np.clip(moved, 0, [*size, *size]) if cut else moved).astype(np.float32)

    def back_points(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Points [..., 2] of the input, in its pixels, as float64 in pixels of the photo, whose
        `size` is (width, height).
        """
        origin, extent = self._frame
        return (np.asarray(points, np.float64) - origin[:2]) / extent[:2] * size

    def mask(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The mask of the photo as one of the input: of each pixel the class at its middle.

        Args:
            mask: uint8 [H, W] of any size, which lies over the whole photo.
            size: (height, width) of the input.

        Returns:
            uint8 [height, width]; IGNORE where there is no photo.
        """
        rows, inside_rows = _sampled(size[0], self.top, self.bottom, mask.shape[0])
        columns, inside_columns = _sampled(size[1], self.left, self.right, mask.shape[1])
        found = mask[np.ix_(rows, columns)]
        found[~inside_rows] = IGNORE
        found[:, ~inside_columns] = IGNORE
        return found


def _ordered(boxes: np.ndarray) -> np.ndarray:
    """Left before right, also in a mirror."""
    low = np.minimum(boxes[..., :2], boxes[..., 2:])
    return np.concatenate([low, np.maximum(boxes[..., :2], boxes[..., 2:])], -1)


def _sampled(pixels: int, start: float, stop: float, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of `cells` between start and stop each pixel's middle is in, and whether it is."""
    share = (np.arange(pixels) + 0.5 - start) / (stop - start)
    index = np.floor(share * cells).astype(np.int64)
    return index.clip(0, cells - 1), (index >= 0) & (index < cells)


def cut(
    boxes: np.ndarray,
    size: tuple[int, int],
    least_visible: float = LEAST_VISIBLE,
    window: Window | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut off what sticks out of the input; drop what hardly shows.

    Args:
        boxes: [N, 4], left, top, right, bottom in pixels of the input.
        size: (height, width) of the input.
        least_visible: share of its area that a box must keep.
        window: the part of the input that shows them; None for all of it.

    Returns:
        float32 [M, 4], and the indices [M] of the boxes that they are. A box keeps its visible
        part.
    """
    left, top, right, bottom = window or (0, 0, *size[::-1])
    inside = np.clip(boxes, [left, top] * 2, [right, bottom] * 2)
    before, after = area(boxes), area(inside)
    kept = np.flatnonzero((after > 0) & (after >= least_visible * before))
    return inside[kept].astype(np.float32), kept


def area(boxes: np.ndarray) -> np.ndarray:
    """Of each box [..., 4]: [...]."""
    return np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
