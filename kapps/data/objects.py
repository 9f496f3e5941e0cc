"""Things with more than a box: outlines, of which masks are made, and points such as joints."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from kapps.data.marks import Array, Boxes, Marks
from kapps.data.placement import Placement, Window

SIDE = 56  # of the mask of a thing: twice that of Mask R-CNN's head, which samples it
FINER = 4  # each pixel of a mask is drawn as so many across


@dataclasses.dataclass(frozen=True)
class Objects(Boxes):
    """The form of such things in a batch: that of `Boxes`, and

    {"masks": uint8 [B, most, side, side], 1 where the thing is, of the part of the picture that is
    in its box; "keypoints": float32 [B, most, points, 3], x and y in pixels of the input and 2 for
    a point that is visible, 1 for one that is hidden, 0 for one that is unknown or outside}. Where
    a photo has fewer things masks are 0 and points -1; without points there are no "keypoints".

    Attributes:
        mirrored: of each point the number of the one that it is in a mirror.
        side: of a mask.
    """

    mirrored: tuple[int, ...] = ()
    side: int = SIDE
    annotation = "objects"

    def signature(self, size: tuple[int, int]) -> dict[str, Array]:
        """What one picture has in an input of that size."""
        found = super().signature(size)
        found["masks"] = Array((self.most, self.side, self.side), np.uint8)
        if self.mirrored:
            found["keypoints"] = Array((self.most, len(self.mirrored), 3), np.float32)
        return found

    def prepare(self, marks: Marks, size: tuple[int, int]) -> tuple:
        """As of `Boxes`, and outlines and points as shares of width and height."""
        shares, labels = super().prepare(marks, size)
        wanted = np.flatnonzero(~marks.apart)
        outlines = [[line / marks.size for line in marks.shapes.outlines[i]] for i in wanted]
        points = marks.shapes.points[wanted].copy()
        points[..., :2] /= marks.size
        return shares, labels, outlines, points

    def join(
        self, placed: Sequence[tuple[tuple, Placement, Window]], size: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """The arrays of a picture of several photos, each in a window of its own."""
        result = super().join(placed, size)
        masks = np.zeros((self.most, self.side, self.side), np.uint8)
        points = np.full((self.most, len(self.mirrored), 3), -1, np.float32)
        for rows, boxes, kept, prepared, placement, window in self.cut(placed, size):
            *_, outlines, known = prepared
            for row, box, i in zip(range(rows.start, rows.stop), boxes, kept, strict=True):
                lines = [placement.points(line) for line in outlines[i]]
                masks[row] = drawn(lines, box, self.side)
                points[row] = self._moved(known[i], placement, window)
        result["masks"] = masks
        if self.mirrored:
            result["keypoints"] = points
        return result

    def _moved(self, points: np.ndarray, placement: Placement, window: Window) -> np.ndarray:
        """Points of one thing in the input; what is left in a mirror is right."""
        if placement.right < placement.left:
            points = points[list(self.mirrored)]
        moved = np.concatenate([placement.points(points[:, :2]), points[:, 2:]], 1)
        left, top, right, bottom = window
        inside = (moved[:, :2] >= (left, top)).all(1) & (moved[:, :2] <= (right, bottom)).all(1)
        return moved * (inside & (moved[:, 2] > 0))[:, None]


def drawn(outlines: Sequence[np.ndarray], box: np.ndarray, side: int) -> np.ndarray:
    """What is within outlines, as seen through a box: uint8 [side, side].

    Args:
        outlines: of one thing, [K, 2] each, x and y in the pixels of the box.
        box: left, top, right, bottom.
        side: pixels of the mask, each of which is 1 if more than half of it is inside.
    """
    scale = side * FINER / np.maximum(box[2:] - box[:2], 1e-6)
    paper = Image.new("L", (side * FINER, side * FINER))
    brush = ImageDraw.Draw(paper)
    for line in outlines:
        # Pillow counts from the middle of the first pixel.
        brush.polygon([tuple(at) for at in ((line - box[:2]) * scale - 0.5).tolist()], fill=1)
    fine = np.asarray(paper).reshape(side, FINER, side, FINER)
    return (fine.mean((1, 3)) > 0.5).astype(np.uint8)


def mirrored(names: Sequence[str]) -> tuple[int, ...]:
    """Of each point the number of the one that it is in a mirror: left_eye is right_eye."""
    other = {"left": "right", "right": "left"}
    found = []
    for i, name in enumerate(names):
        twin = "_".join(other.get(part, part) for part in name.split("_"))
        found.append(names.index(twin) if twin in names else i)
    return tuple(found)


def outlines_of(segmentation: Any) -> tuple[np.ndarray, ...]:
    """Polygons as COCO writes them, [K, 2] each; none where it is written by run lengths.

    Raises:
        ValueError, TypeError: it is neither.
    """
    if isinstance(segmentation, dict) or not segmentation:
        return ()
    lines = tuple(np.array(line, np.float64).reshape(-1, 2) for line in segmentation)
    if any(len(line) < 3 or not np.isfinite(line).all() for line in lines):
        raise ValueError("a polygon of segmentation has fewer than three points, or no numbers")
    return lines


def points_of(values: Sequence[float], count: int) -> np.ndarray:
    """Points as COCO writes them, x, y, kind: [count, 3]; its x and y are numbers of pixels, whose
    middle is half a pixel further.

    Raises:
        ValueError: not three numbers for each point.
    """
    points = np.zeros((count, 3))
    if len(values):
        given = np.array(values, np.float64).reshape(-1, 3)
        if len(given) != count:
            raise ValueError(f"keypoints has {len(given)} points and its category names {count}")
        points = given + np.where(given[:, 2:] > 0, [[0.5, 0.5, 0.0]], 0.0)
    return points
