"""What a head says about a box, and the box: each coder takes both ways.

`decode(codes, anchors)` gives boxes (left, top, right, bottom) in pixels, float32 whatever the
policy; `encode(boxes, anchors)` gives the codes that decode to them. `anchors` are boxes (..., 4)
that broadcast against the rest; points are boxes as wide as their stride, see
`kapps.detection.anchors`.
"""

import math
from dataclasses import dataclass

from keras import ops

from kapps.detection.boxes import sides, to_centres, to_corners

FASTER_RCNN_CLIP = math.log(1000 / 16)
_SMALLEST = 1e-6  # of a width or height in pixels: padded boxes have no logarithm


class Coder:
    """What all have: whether they count in `strides` too, the third argument of both ways then."""

    by_stride = False


@dataclass(frozen=True)
class DeltaCoder(Coder):
    """Shift of the centre in widths of the anchor, and logarithm of the change of size.

    Source: Fast R-CNN and Faster R-CNN (Ren et al., 2015, arXiv:1506.01497), equation 2. With
    `clip=None` on points at the corners of cells this is YOLOX's (Ge et al., 2021).

    Attributes:
        weights: what the four codes (x, y, width, height) are multiplied by; SSD's variances are
            their inverses: (10, 10, 5, 5) is (0.1, 0.1, 0.2, 0.2).
        clip: the highest logarithm of a change of size that `decode` takes at its word, or None.
    """

    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    clip: float | None = FASTER_RCNN_CLIP

    def encode(self, boxes, anchors):
        """(..., 4) boxes -> (..., 4) codes."""
        x, y, width, height = sides(to_centres(_floats(boxes)))
        ax, ay, across, down = sides(to_centres(_floats(anchors)))
        wx, wy, ww, wh = self.weights
        return ops.stack(
            [
                wx * (x - ax) / across,
                wy * (y - ay) / down,
                ww * ops.log(ops.maximum(width, _SMALLEST) / across),
                wh * ops.log(ops.maximum(height, _SMALLEST) / down),
            ],
            axis=-1,
        )

    def decode(self, codes, anchors):
        """(..., 4) codes -> (..., 4) boxes."""
        codes, anchors = _floats(codes), to_centres(_floats(anchors))
        dx, dy, dw, dh = (
            code / weight for code, weight in zip(sides(codes), self.weights, strict=True)
        )
        if self.clip is not None:
            dw, dh = ops.minimum(dw, self.clip), ops.minimum(dh, self.clip)
        ax, ay, across, down = sides(anchors)
        width, height = ops.exp(dw) * across, ops.exp(dh) * down
        return to_corners(ops.stack([dx * across + ax, dy * down + ay, width, height], axis=-1))


@dataclass(frozen=True)
class DistanceCoder(Coder):
    """Distances from a point to the left, top, right and bottom edge.

    Source: FCOS (Tian et al., 2019, arXiv:1904.01355), equation 1; YOLOv8 in strides.

    Attributes:
        in_strides: whether a distance is counted in sizes of the anchor, which is a stride for a
            point, or in pixels.
    """

    in_strides: bool = True

    def encode(self, boxes, anchors):
        """(..., 4) boxes -> (..., 4) distances, negative where the point lies outside."""
        x, y, across, down = sides(to_centres(_floats(anchors)))
        left, top, right, bottom = sides(_floats(boxes))
        codes = [x - left, y - top, right - x, bottom - y]
        if self.in_strides:
            sizes = (across, down, across, down)
            codes = [code / size for code, size in zip(codes, sizes, strict=True)]
        return ops.stack(codes, axis=-1)

    def decode(self, codes, anchors):
        """(..., 4) distances -> (..., 4) boxes."""
        x, y, across, down = sides(to_centres(_floats(anchors)))
        left, top, right, bottom = sides(_floats(codes))
        if self.in_strides:
            left, top, right, bottom = left * across, top * down, right * across, bottom * down
        return ops.stack([x - left, y - top, x + right, y + bottom], axis=-1)


@dataclass(frozen=True)
class ShareCoder(Coder):
    """Middle, width and height as shares of the anchor, which is the whole input: DETR.

    Source: DETR (Carion et al., 2020, arXiv:2005.12872), section 3.1.
    """

    def encode(self, boxes, anchors):
        """(..., 4) boxes -> (..., 4) shares."""
        x, y, width, height = sides(to_centres(_floats(boxes)))
        left, top, right, bottom = sides(_floats(anchors))
        across, down = right - left, bottom - top
        codes = [(x - left) / across, (y - top) / down, width / across, height / down]
        return ops.stack(codes, axis=-1)

    def decode(self, codes, anchors):
        """(..., 4) shares -> (..., 4) boxes."""
        x, y, width, height = sides(_floats(codes))
        left, top, right, bottom = sides(_floats(anchors))
        across, down = right - left, bottom - top
        boxes = [left + x * across, top + y * down, width * across, height * down]
        return to_corners(ops.stack(boxes, axis=-1))


@dataclass(frozen=True)
class CellCoder(Coder):
    """A centre that stays by its cell, and a change of an anchor's size: YOLO with anchors.

    Sources: YOLO9000 (Redmon and Farhadi, 2016, arXiv:1612.08242), section 2, and YOLOv3, for
    `size="exp"`; YOLOv4 (arXiv:2004.10934), section 3.4, for `reach` 1.05 to 1.2; YOLOv5 to v7 for
    `size="square"` with `reach=2`.

    Attributes:
        size: "exp", the exponential, or "square", the square of twice the sigmoid, of a code.
        reach: width of the stretch around the middle of its cell that a centre can lie on, in
            cells: 1 is the cell.
        reaches: (stride, reach) of the levels that have one of their own.
    """

    size: str = "exp"
    reach: float = 1.0
    reaches: tuple[tuple[float, float], ...] = ()
    by_stride = True

    def __post_init__(self):
        if self.size not in ("exp", "square"):
            raise ValueError(
                f"size={self.size!r}: expected 'exp' (v2 to v4) or 'square' (v5 to v7)"
            )

    def encode(self, boxes, anchors, strides):
        """(..., 4) boxes -> (..., 4) codes; what lies beyond the reach gets the nearest code.

        Args:
            boxes: in pixels.
            anchors: (..., 4), around the middles of their cells.
            strides: (...), pixels from cell to cell.
        """
        x, y, width, height = sides(to_centres(_floats(boxes)))
        ax, ay, across, down = sides(to_centres(_floats(anchors)))
        places = [(x - ax) / strides, (y - ay) / strides]
        ratios = [width / across, height / down]
        ratios = [ops.maximum(ratio, _SMALLEST) for ratio in ratios]
        if self.size == "exp":
            sizes = [ops.log(ratio) for ratio in ratios]
        else:
            sizes = [_logit(ops.sqrt(ratio) / 2) for ratio in ratios]
        return ops.stack(
            [*(_logit(place / self.reach_at(strides) + 0.5) for place in places), *sizes], axis=-1
        )

    def decode(self, codes, anchors, strides):
        """(..., 4) codes -> (..., 4) boxes; arguments as of `encode`."""
        codes = _floats(codes)
        ax, ay, across, down = sides(to_centres(_floats(anchors)))
        dx, dy, dw, dh = sides(codes)
        reach = self.reach_at(strides) * strides
        x, y = ax + (ops.sigmoid(dx) - 0.5) * reach, ay + (ops.sigmoid(dy) - 0.5) * reach
        if self.size == "exp":
            width, height = ops.exp(dw) * across, ops.exp(dh) * down
        else:
            width, height = (ops.square(2 * ops.sigmoid(code)) for code in (dw, dh))
            width, height = width * across, height * down
        return to_corners(ops.stack([x, y, width, height], axis=-1))

    def reach_at(self, strides):
        """That of each anchor, in cells."""
        reach = self.reach
        for stride, own in self.reaches:
            reach = ops.where(ops.equal(strides, stride), own, reach)
        return reach


@dataclass(frozen=True)
class RootCoder(Coder):
    """A place in a cell, and roots of the size as shares of the input: YOLOv1.

    Source: You Only Look Once (Redmon et al., 2015, arXiv:1506.02640), section 2.2. Anchors are as
    large as the input, around the middles of their cells.
    """

    by_stride = True
    reach = 1.0

    def encode(self, boxes, anchors, strides):
        """(..., 4) boxes -> (..., 4) codes; arguments as of `CellCoder.encode`."""
        x, y, width, height = sides(to_centres(_floats(boxes)))
        ax, ay, across, down = sides(to_centres(_floats(anchors)))
        return ops.stack(
            [
                (x - ax) / strides + 0.5,
                (y - ay) / strides + 0.5,
                ops.sqrt(ops.maximum(width, _SMALLEST) / across),
                ops.sqrt(ops.maximum(height, _SMALLEST) / down),
            ],
            axis=-1,
        )

    def decode(self, codes, anchors, strides):
        """(..., 4) codes -> (..., 4) boxes; arguments as of `CellCoder.encode`."""
        dx, dy, dw, dh = sides(_floats(codes))
        ax, ay, across, down = sides(to_centres(_floats(anchors)))
        x, y = ax + (dx - 0.5) * strides, ay + (dy - 0.5) * strides
        boxes = [x, y, ops.square(dw) * across, ops.square(dh) * down]
        return to_corners(ops.stack(boxes, axis=-1))


def expectation(logits):
    """Distances from distributions over whole numbers: (..., 4, bins) -> (..., 4), in strides.

    Source: Generalized Focal Loss (Li et al., 2020, arXiv:2006.04388), equation 5.
    """
    bins = logits.shape[-1]
    shares = ops.softmax(_floats(logits), axis=-1)
    return ops.sum(shares * ops.arange(bins, dtype="float32"), axis=-1)


def _floats(x):
    return ops.cast(x, "float32")


def _logit(share):
    share = ops.clip(share, _SMALLEST, 1 - _SMALLEST)
    return ops.log(share) - ops.log(1 - share)
