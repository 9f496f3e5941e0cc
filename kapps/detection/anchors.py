"""Where a detector looks: boxes laid over the input, as numpy arrays for one input size.

Each layout is a frozen dataclass whose `lay(size, grids)` gives `Anchors`, whose order is that of
the heads: level by level, row by row, column by column, then the forms at one place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Grid = tuple[int, int]  # rows, columns


class Anchors(NamedTuple):
    """Anchors of an input size.

    Attributes:
        boxes: (A, 4) float32, (left, top, right, bottom) in pixels; they may stick out.
        strides: (A,) float32, pixels from one to the next of its form.
        counts: how many there are at each level; their sum is A.
    """

    boxes: np.ndarray
    strides: np.ndarray
    counts: tuple[int, ...]


def grids(size: Grid, strides: Sequence[int]) -> list[Grid]:
    """(rows, columns) of the maps of an input of `size` (height, width): rounded up, as padded."""
    return [(-(-size[0] // stride), -(-size[1] // stride)) for stride in strides]


@dataclass(frozen=True)
class GridAnchors:
    """Every size with every ratio at each place: RPN and RetinaNet.

    Sources: Faster R-CNN (arXiv:1506.01497), section 3.1; Focal Loss (Lin et al., 2017,
    arXiv:1708.02002), section 4. Places and rounding are torchvision's by default.

    Attributes:
        sizes: for each level, the square roots of the areas in pixels.
        ratios: height by width.
        rounded: whether edges relative to the place are whole pixels.
        offset: where the first place is, in strides from the corner of the input; 0.5 is the middle
            of the first cell.
    """

    sizes: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rounded: bool = True
    offset: float = 0.0

    @property
    def forms(self) -> tuple[int, ...]:
        """How many anchors one place has, for each level."""
        return tuple(len(sizes) * len(self.ratios) for sizes in self.sizes)

    def lay(self, size: Grid, grids: Sequence[Grid]) -> Anchors:
        """Anchors for an input of `size` (height, width) whose maps have these (rows, columns)."""
        _check(grids, len(self.sizes), "sizes")
        levels, strides = [], []
        for sizes, (rows, columns) in zip(self.sizes, grids, strict=True):
            down, across = size[0] // rows, size[1] // columns
            # In float32, as torchvision computes them: 11.5 must be rounded as it is there.
            heights = np.sqrt(np.array(self.ratios, "float32"))
            widths = 1 / heights
            tall, wide = (
                (ratios[:, None] * np.array(sizes, "float32")).ravel()
                for ratios in (heights, widths)
            )
            forms = np.stack([-wide, -tall, wide, tall], axis=1) / 2
            forms = np.round(forms) if self.rounded else forms
            y, x = _places(rows, columns, self.offset)
            places = np.stack([x * across, y * down] * 2, axis=-1)
            levels.append((places[:, None] + forms).reshape(-1, 4))
            strides.append(math.sqrt(down * across))
        return _joined(levels, strides)


@dataclass(frozen=True)
class DefaultBoxes:
    """SSD's boxes, whose sizes are shares of the input.

    Source: SSD (Liu et al., 2016, arXiv:1512.02325), section 2.2; a second square has the geometric
    mean of its level's size and the next one's.

    Attributes:
        ratios: for each level, those of the boxes that are no squares; each stands for its inverse
            too.
        scales: a share of the input for each level, and one more for the last square.
        steps: pixels from place to place for each level; None for the input divided by the map.
        clipped: whether no box is larger than the input.
    """

    ratios: tuple[tuple[float, ...], ...]
    scales: tuple[float, ...]
    steps: tuple[int, ...] | None = None
    clipped: bool = True

    @classmethod
    def between(cls, ratios, least: float, most: float) -> "DefaultBoxes":
        """Scales evenly spaced from level to level, the paper's equation 4, and 1 at the end."""
        last = len(ratios) - 1
        scales = [least + (most - least) * k / last for k in range(last + 1)] if last else [least]
        return cls(tuple(ratios), (*scales, 1.0 if last else most))

    @property
    def forms(self) -> tuple[int, ...]:
        """How many boxes one place has, for each level."""
        return tuple(2 + 2 * len(ratios) for ratios in self.ratios)

    def _shapes(self, level: int) -> np.ndarray:
        """(forms, 2): width and height as shares of the input."""
        scale = self.scales[level]
        square = math.sqrt(scale * self.scales[level + 1])
        pairs = [(scale, scale), (square, square)]
        for ratio in self.ratios[level]:
            root = math.sqrt(ratio)
            pairs += [(scale * root, scale / root), (scale / root, scale * root)]
        shapes = np.array(pairs, "float32")
        return np.clip(shapes, 0, 1) if self.clipped else shapes

    def lay(self, size: Grid, grids: Sequence[Grid]) -> Anchors:
        """Boxes for an input of `size` (height, width) whose maps have these (rows, columns)."""
        _check(grids, len(self.ratios), "ratios")
        height, width = size
        levels, strides = [], []
        for level, (rows, columns) in enumerate(grids):
            step = self.steps and self.steps[level]
            down, across = (step, step) if step else (height / rows, width / columns)
            y, x = _places(rows, columns, 0.5)
            centres = np.stack([x * (across / width), y * (down / height)], axis=-1)[:, None]
            halves = self._shapes(level) / 2
            boxes = np.concatenate([centres - halves, centres + halves], axis=-1)
            levels.append((boxes * [width, height, width, height]).reshape(-1, 4))
            strides.append(math.sqrt(down * across))
        return _joined(levels, strides)


@dataclass(frozen=True)
class CellAnchors:
    """Boxes of given widths and heights around the middles of cells: YOLOv2 to v7.

    Attributes:
        shapes: for each level, (width, height) in pixels of each form.
        strides: for each level, pixels from cell to cell.
    """

    shapes: tuple[tuple[tuple[float, float], ...], ...]
    strides: tuple[int, ...]

    @property
    def forms(self) -> tuple[int, ...]:
        """How many anchors one cell has, for each level."""
        return tuple(map(len, self.shapes))

    def lay(self, size: Grid, grids: Sequence[Grid]) -> Anchors:  # noqa: ARG002
        """Anchors for maps of these (rows, columns); the size does not matter here."""
        _check(grids, len(self.shapes), "shapes")
        return _around(grids, self.strides, self.shapes, 0.5)


@dataclass(frozen=True)
class Points:
    """One point a cell, as a box as large as the cell: FCOS, YOLOX, YOLOv8.

    Attributes:
        strides: for each level, pixels from point to point.
        offset: where the first point is, in cells: 0.5 in the middle of the first (FCOS, YOLOv8),
            0 at its corner (YOLOX).
    """

    strides: tuple[int, ...] = (8, 16, 32)
    offset: float = 0.5

    @property
    def forms(self) -> tuple[int, ...]:
        """How many points one cell has, for each level."""
        return (1,) * len(self.strides)

    def lay(self, size: Grid, grids: Sequence[Grid]) -> Anchors:  # noqa: ARG002
        """Points for maps of these (rows, columns); the size does not matter here."""
        _check(grids, len(self.strides), "strides")
        squares = [((stride, stride),) for stride in self.strides]
        return _around(grids, self.strides, squares, self.offset)


@dataclass(frozen=True)
class Everywhere:
    """The whole input for each of some boxes that lie where the network says: DETR.

    Attributes:
        count: how many boxes.
    """

    count: int

    @property
    def forms(self) -> tuple[int, ...]:
        """All of them, for the one place that there is."""
        return (self.count,)

    def lay(self, size: Grid, grids: Sequence[Grid]) -> Anchors:
        """The input of `size` (height, width), again and again; `grids` is [(1, 1)]."""
        _check(grids, 1, "count")
        height, width = size
        boxes = np.tile(np.array([0, 0, width, height], "float32"), (self.count, 1))
        return Anchors(boxes, np.full(self.count, math.sqrt(height * width), "float32"), self.forms)


def _around(grids, strides, shapes, offset) -> Anchors:
    """Boxes of `shapes` around points that are `strides` apart."""
    levels = []
    for forms, stride, (rows, columns) in zip(shapes, strides, grids, strict=True):
        y, x = _places(rows, columns, offset)
        centres = np.stack([x * stride, y * stride], axis=-1)[:, None]
        halves = np.array(forms, "float32") / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=-1)
        levels.append(boxes.reshape(-1, 4))
    return _joined(levels, strides)


def _places(rows: int, columns: int, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """(y, x) of all places in cells, row by row."""
    y, x = np.mgrid[:rows, :columns].astype("float32") + np.float32(offset)
    return y.ravel(), x.ravel()


def _joined(levels, strides) -> Anchors:
    counts = tuple(map(len, levels))
    boxes = np.concatenate(levels).astype("float32")
    return Anchors(boxes, np.repeat(np.array(strides, "float32"), counts), counts)


def _check(grids: Sequence[Grid], levels: int, word: str) -> None:
    if len(grids) != levels:
        raise ValueError(
            f"{len(grids)} maps for anchors with {word} of {levels} levels; give one (rows, "
            "columns) for each level"
        )


# torchvision's: three sizes an octave apart in thirds, cut to whole pixels.
RETINANET = GridAnchors(
    tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512))
)
RPN = GridAnchors(((32,), (64,), (128,), (256,), (512,)))
# Section 3.3 of Faster R-CNN: one map, three sizes.
RPN_ONE_MAP = GridAnchors(((128, 256, 512),))
# torchvision's, whose points are at the corners of the cells; those of the paper are `Points`.
FCOS = GridAnchors(((8,), (16,), (32,), (64,), (128,)), (1.0,))

# The paper's, as its Caffe configuration has them.
SSD300 = DefaultBoxes(
    ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
    (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    (8, 16, 32, 64, 100, 300),
)
SSD512 = DefaultBoxes(
    ((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2,), (2,)),
    (0.04, 0.1, 0.26, 0.42, 0.58, 0.74, 0.9, 1.06),
    (8, 16, 32, 64, 128, 256, 512),
)
SSDLITE320 = DefaultBoxes.between(((2, 3),) * 6, 0.2, 0.95)


def _yolo(text: str, *strides: int, cell: float = 1.0) -> CellAnchors:
    """The anchors of a Darknet configuration, equally many for each stride, finest first."""
    numbers = [float(number) * cell for number in text.split()]
    pairs = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    forms = len(pairs) // len(strides)
    return CellAnchors(tuple(pairs[i : i + forms] for i in range(0, len(pairs), forms)), strides)


# As the published configurations have them; v2's are in cells.
YOLO_V2_VOC = _yolo(
    "1.3221 1.73145 3.19275 4.00944 5.05587 8.09892 9.47112 4.84053 11.2364 10.0071", 32, cell=32
)
YOLO_V2_COCO = _yolo(
    "0.57273 0.677385 1.87446 2.06253 3.33843 5.47434 7.88282 3.52778 9.77052 9.16828", 32, cell=32
)
YOLO_V3 = _yolo("10 13 16 30 33 23 30 61 62 45 59 119 116 90 156 198 373 326", 8, 16, 32)
YOLO_V3_TINY = _yolo("10 14 23 27 37 58 81 82 135 169 344 319", 16, 32)
YOLO_V4 = _yolo("12 16 19 36 40 28 36 75 76 55 72 146 142 110 192 243 459 401", 8, 16, 32)
YOLO_V7, YOLO_V7_TINY = YOLO_V4, YOLO_V3
YOLO_V7_W6 = _yolo(
    "19 27 44 40 38 94 96 68 86 152 180 137 140 301 303 264 238 542 436 615 739 380 925 792",
    *(8, 16, 32, 64),
)
