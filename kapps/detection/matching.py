"""Which anchor learns which truth, by how much the two overlap.

Truths come as `boxes` (batch, N, 4) and `classes` (batch, N), where -1 is padding, which matches
nothing. Nothing here passes a gradient. `kapps.detection.assigning` has the matchers that look at
centres or at what the network says.
"""

from typing import NamedTuple

from keras import ops

from kapps.detection.boxes import iou


class Matches(NamedTuple):
    """What each anchor learns.

    Attributes:
        truths: (batch, A) int32, the number of its truth; 0 where it has none.
        positive: (batch, A) bool, whether it has one.
        ignored: (batch, A) bool, whether it is neither that nor background. No anchor is both.
        quality: (batch, A) float32 in [0, 1], how well it fits its truth; 0 where it has none.
    """

    truths: object
    positive: object
    ignored: object
    quality: object


def gather(values, matches: Matches, otherwise=0):
    """What each anchor's truth has: (batch, N, ...) -> (batch, A, ...).

    Args:
        values: one of each truth: its box, its class.
        matches: of the anchors.
        otherwise: what an anchor without a truth gets.
    """
    more = len(values.shape) - 2
    index, positive = matches.truths, matches.positive
    for _ in range(more):
        index, positive = ops.expand_dims(index, -1), ops.expand_dims(positive, -1)
    index = ops.broadcast_to(index, (*ops.shape(matches.truths), *values.shape[2:]))
    found = ops.take_along_axis(values, index, axis=1)
    return ops.where(positive, found, ops.cast(otherwise, found.dtype))


def targets(classes, count: int, matches: Matches, soft: bool = False):
    """(batch, A, count) float32: one for an anchor's class, or its quality where `soft`."""
    chosen = ops.one_hot(gather(classes, matches, -1), count, dtype="float32")
    return chosen * matches.quality[..., None] if soft else chosen


def match_by_iou(anchors, boxes, classes, high=0.5, low=None, low_quality=False) -> Matches:
    """An anchor learns the truth that it overlaps most, if that is enough.

    Source: Faster R-CNN (Ren et al., 2015, arXiv:1506.01497), section 3.1.2; RetinaNet has 0.5 and
    0.4, the first stage of Faster R-CNN 0.7 and 0.3 with `low_quality`.

    Args:
        anchors: (A, 4), or (batch, A, 4) where each image has its own, as proposals are.
        boxes: (batch, N, 4).
        classes: (batch, N), -1 for padding.
        high: the least intersection over union of a match.
        low: below it an anchor is background, between it and `high` it is ignored; `high` if None.
        low_quality: whether a truth also gets the anchors that overlap it most, ties included,
            however little; such an anchor learns the truth that *it* overlaps most.
    """
    low = high if low is None else low
    if not 0 <= low <= high <= 1:
        raise ValueError(f"high={high!r}, low={low!r}: expected 0 <= low <= high <= 1")
    overlaps = _overlaps(anchors, boxes, classes)
    best = ops.max(overlaps, axis=1)
    positive = best >= high
    if low_quality:
        most = ops.max(overlaps, axis=2, keepdims=True)
        # A truth that no anchor touches matches none here, where torchvision gives it all.
        tied = ops.logical_and(ops.equal(overlaps, most), most > 0)
        positive = ops.logical_or(positive, ops.any(tied, axis=1))
    ignored = ops.logical_and(best >= low, ops.logical_not(positive))
    return _matches(ops.argmax(overlaps, axis=1), positive, ignored, best)


def match_for_ssd(anchors, boxes, classes, threshold=0.5) -> Matches:
    """As `match_by_iou`, but first each truth gets the one anchor that overlaps it most.

    Where several truths have the same best anchor, the last of them gets it. Source: SSD (Liu et
    al., 2016, arXiv:1512.02325), section 2.2.

    Args:
        anchors: (A, 4). boxes: (batch, N, 4). classes: (batch, N), -1 for padding.
        threshold: the least intersection over union of the other matches.
    """
    overlaps = _overlaps(anchors, boxes, classes)
    best, truths = ops.max(overlaps, axis=1), ops.argmax(overlaps, axis=1)
    anchor = ops.argmax(overlaps, axis=2)
    numbers = ops.arange(overlaps.shape[2])
    forced = ops.logical_and(
        ops.equal(anchor[..., None], numbers), ops.expand_dims(classes, -1) >= 0
    )
    order = ops.arange(overlaps.shape[1])[None, :, None] + 1
    last = ops.max(ops.where(forced, order, 0), axis=1)
    truths = ops.where(last > 0, last - 1, ops.cast(truths, last.dtype))
    positive = ops.logical_or(last > 0, best >= threshold)
    found = ops.take_along_axis(overlaps, truths[:, None], axis=1)[:, 0]
    return _matches(truths, positive, ops.zeros_like(positive), found)


def _overlaps(anchors, boxes, classes):
    """(batch, N, A): intersection over union, -1 for the rows of padding."""
    overlaps = iou(ops.cast(boxes, "float32"), ops.cast(anchors, "float32"))
    return ops.stop_gradient(ops.where(ops.expand_dims(classes, -1) >= 0, overlaps, -1.0))


def _matches(truths, positive, ignored, quality) -> Matches:
    """`Matches` with its own conventions for anchors without a truth."""
    truths = ops.where(positive, ops.cast(truths, "int32"), 0)
    quality = ops.where(positive, ops.clip(quality, 0.0, 1.0), 0.0)
    return Matches(truths, positive, ignored, ops.stop_gradient(quality))
