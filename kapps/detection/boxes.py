"""Boxes: forms, areas and how much of two boxes is the same.

A box is (left, top, right, bottom) in pixels, from edge to edge: its width is right - left.
"""

import math

from keras import ops

EPSILON = 1e-7  # keeps gradients of empty boxes finite; that of torchvision's losses


def sides(boxes) -> tuple:
    """The four columns (left, top, right, bottom), each of shape (...)."""
    return tuple(boxes[..., i] for i in range(4))


def to_centres(boxes):
    """(left, top, right, bottom) -> (x of the centre, y of the centre, width, height)."""
    left, top, right, bottom = sides(boxes)
    return ops.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=-1)


def to_corners(boxes):
    """(x of the centre, y of the centre, width, height) -> (left, top, right, bottom)."""
    x, y, width, height = sides(boxes)
    return ops.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def rescale(boxes, size, to=(1.0, 1.0)):
    """Boxes of an image of one size as those of another.

    Args:
        boxes: (..., 4).
        size: (height, width) of the image that they are in; (1, 1) where they are shares of it.
        to: (height, width) of the other.
    """
    boxes = ops.convert_to_tensor(boxes)
    down, across = to[0] / size[0], to[1] / size[1]
    return boxes * ops.convert_to_tensor([across, down, across, down], boxes.dtype)


def clip(boxes, size):
    """Boxes cut off at the edges of an image of `size` (height, width)."""
    left, top, right, bottom = sides(boxes)
    height, width = size
    return ops.stack(
        [
            ops.clip(left, 0, width),
            ops.clip(top, 0, height),
            ops.clip(right, 0, width),
            ops.clip(bottom, 0, height),
        ],
        axis=-1,
    )


def area(boxes):
    """(..., 4) -> (...): square pixels; a reversed box has none."""
    left, top, right, bottom = sides(boxes)
    return ops.relu(right - left) * ops.relu(bottom - top)


def inside(points, boxes):
    """Whether points (..., 2) lie within boxes (..., 4), not on an edge; leading axes broadcast."""
    x, y = points[..., 0], points[..., 1]
    left, top, right, bottom = sides(boxes)
    across = ops.logical_and(x > left, x < right)
    return ops.logical_and(across, ops.logical_and(y > top, y < bottom))


def iou(a, b):
    """Intersection over union of every box of one set with every box of the other.

    Args:
        a: (..., N, 4).
        b: (..., M, 4); leading axes broadcast.

    Returns:
        (..., N, M), in [0, 1]; 0 where both boxes are empty.
    """
    both, either = _shared(ops.expand_dims(a, -2), ops.expand_dims(b, -3))
    return both / ops.where(either > 0, either, 1.0)


def aligned_iou(a, b):
    """Intersection over union of each box with its partner, (..., 4) and (..., 4) -> (...).

    Leading axes broadcast, here and in the functions below: `giou(a[:, :, None], b[:, None])` is
    that of all pairs.
    """
    both, either = _shared(a, b)
    return both / (either + EPSILON)


def giou(a, b):
    """Generalised intersection over union, in (-1, 1]: boxes apart are better the closer they are.

    Source: Generalized Intersection over Union (Rezatofighi et al., 2019, arXiv:1902.09630),
    algorithm 1.
    """
    both, either = _shared(a, b)
    width, height = _hull(a, b)
    hull = width * height
    return both / (either + EPSILON) - (hull - either) / (hull + EPSILON)


def diou(a, b):
    """Intersection over union, less the squared distance of the centres by that of the hull.

    Source: Distance-IoU Loss (Zheng et al., 2020, arXiv:1911.08287), equation 7.
    """
    return aligned_iou(a, b) - _distance(a, b)


def ciou(a, b):
    """`diou`, less how much the ratios of width and height differ.

    The weight of that last term passes no gradient. Source: as of `diou`, equations 8 to 11.

    Args:
        a: (..., 4), predictions.
        b: (..., 4), truths.
    """
    overlap = aligned_iou(a, b)
    v = (4 / math.pi**2) * ops.square(_angle(b) - _angle(a))
    alpha = ops.stop_gradient(v / (1 - overlap + v + EPSILON))
    return overlap - _distance(a, b) - alpha * v


def siou(a, b):
    """IoU, less half of how far the centres are apart and of how much widths and heights differ.

    The way between the centres costs most where it goes along neither axis. Source: SIoU Loss
    (Gevorgyan, 2022, arXiv:2205.12740), equations 1 to 7: its angle cost, the sine of twice the
    angle of that way, is 2xy / (x**2 + y**2).
    """
    width, height = _hull(a, b)
    x, y = (ops.abs(way) for way in _way(a, b))
    gamma = 2 - 2 * x * y / (ops.square(x) + ops.square(y) + EPSILON)
    far = sum(
        1 - ops.exp(-gamma * ops.square(way / (side + EPSILON)))
        for way, side in ((x, width), (y, height))
    )
    unlike = 0
    for low in (0, 1):
        one, other = (boxes[..., low + 2] - boxes[..., low] for boxes in (a, b))
        share = ops.abs(one - other) / (ops.maximum(one, other) + EPSILON)
        unlike = unlike + ops.power(1 - ops.exp(-share), 4)
    return aligned_iou(a, b) - (far + unlike) / 2


def _shared(a, b):
    """(intersection, union) in square pixels."""
    left, top = ops.maximum(a[..., 0], b[..., 0]), ops.maximum(a[..., 1], b[..., 1])
    right, bottom = ops.minimum(a[..., 2], b[..., 2]), ops.minimum(a[..., 3], b[..., 3])
    both = ops.relu(right - left) * ops.relu(bottom - top)
    return both, area(a) + area(b) - both


def _hull(a, b):
    """(width, height) of the smallest box around both."""
    left, top = ops.minimum(a[..., 0], b[..., 0]), ops.minimum(a[..., 1], b[..., 1])
    right, bottom = ops.maximum(a[..., 2], b[..., 2]), ops.maximum(a[..., 3], b[..., 3])
    return right - left, bottom - top


def _distance(a, b):
    """Squared distance of the centres as a share of the hull's squared diagonal."""
    width, height = _hull(a, b)
    x, y = _way(a, b)
    diagonal = ops.square(width) + ops.square(height)
    return (ops.square(x) + ops.square(y)) / (diagonal + EPSILON)


def _way(a, b):
    """(x, y) from the centre of the one to that of the other."""
    x = (a[..., 0] + a[..., 2] - b[..., 0] - b[..., 2]) / 2
    y = (a[..., 1] + a[..., 3] - b[..., 1] - b[..., 3]) / 2
    return x, y


def _angle(boxes):
    """The angle whose tangent is width by height, also of an empty box."""
    left, top, right, bottom = sides(boxes)
    return ops.arctan((right - left) / ops.maximum(bottom - top, EPSILON))
