"""Many boxes that see the same things become a fixed number of detections.

Scores of every box for every class come in, and the best are kept, each of which removes or weakens
those that overlap it. Shapes are static: detections that are not there have the class -1.
"""

from keras import ops

from kapps.detection.boxes import area, iou, sides
from kapps.detection.rules import CHUNK, Suppression


def suppress(boxes, scores, rule: Suppression | None = None, levels=None) -> dict:
    """The detections among boxes.

    Args:
        boxes: (batch, A, 4), or (batch, A, classes, 4) where each class has its own.
        scores: (batch, A, classes), probabilities; one that is not a number is none.
        rule: how; None for `Suppression()`.
        levels: numbers of boxes of each level, whose sum is A; for `candidates_of="level"`.

    Returns:
        {"boxes": (batch, M, 4) float32, "scores": (batch, M) float32, "classes": (batch, M) int32,
        "anchors": (batch, M) int32, "count": (batch,) int32} by falling score, where M is
        `max_detections`. "anchors" are the numbers of the boxes among A. Behind `count`, classes
        and anchors are -1, boxes and scores 0.
    """
    rule = rule or Suppression()
    boxes, scores = ops.cast(boxes, "float32"), ops.cast(scores, "float32")
    boxes, scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    number = scores.shape[-1]
    scores, anchors, classes = candidates(scores, rule, levels)
    index = anchors
    if len(boxes.shape) == 4:
        index = anchors * number + classes
        boxes = ops.reshape(boxes, (-1, boxes.shape[1] * number, 4))
    boxes = ops.take_along_axis(boxes, index[..., None], axis=1)
    way = WAYS.get(rule.method, _one_by_one)
    scores, kept = way(boxes, scores, classes, rule)
    there = scores > 0
    return {
        "boxes": ops.where(there[..., None], ops.take_along_axis(boxes, kept[..., None], 1), 0.0),
        "scores": ops.where(there, scores, 0.0),
        "classes": ops.where(there, ops.take_along_axis(classes, kept, 1), -1),
        "anchors": ops.where(there, ops.take_along_axis(anchors, kept, 1), -1),
        "count": ops.sum(ops.cast(there, "int32"), axis=-1),
    }


def candidates(scores, rule: Suppression, levels=None) -> tuple:
    """The best scores of each image: (scores, anchors, classes), each (batch, K).

    A score that is no detection is -1. See `suppress` for the arguments.
    """
    scores = ops.where(scores > rule.threshold, scores, -1.0)
    count, number = scores.shape[1:]
    if rule.candidates_of == "class":
        most = min(rule.candidates or count, count)
        scores, anchors = ops.top_k(ops.transpose(scores, (0, 2, 1)), most)
        classes = ops.broadcast_to(ops.arange(number, dtype="int32")[:, None], ops.shape(anchors))
        return tuple(
            ops.reshape(x, (-1, number * most))
            for x in (scores, ops.cast(anchors, "int32"), classes)
        )
    if rule.candidates_of == "image":
        levels = (count,)
    elif levels is None or sum(levels) != count:
        raise ValueError(
            f"levels={levels!r} with {count} boxes: expected how many there are at each level"
        )
    if rule.best_class:
        best = ops.cast(ops.argmax(scores, axis=-1), "int32")
        scores, number = ops.max(scores, axis=-1, keepdims=True), 1
    found, start = [], 0
    for size in levels:
        level = ops.reshape(scores[:, start : start + size], (-1, size * number))
        values, index = ops.top_k(level, min(rule.candidates or size * number, size * number))
        found.append((values, ops.cast(index, "int32") + start * number))
        start += size
    scores, index = (
        parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)
        for parts in zip(*found, strict=True)
    )
    if rule.best_class:
        return scores, index, ops.take_along_axis(best, index, axis=1)
    return scores, index // number, index % number


def _greedily(boxes, scores, classes, rule: Suppression):
    """(scores, indices), each (batch, M), of hard suppression.

    The next best are compared with all that are kept so far and then with one another, some
    hundreds at a time, until enough are kept or no score is left: what comes after is never looked
    at.
    """
    most, count = rule.max_detections, scores.shape[1]
    size = min(CHUNK, count)
    scores, order = ops.top_k(scores, count)
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    classes = ops.take_along_axis(classes, order, axis=1)
    missing = -count % size
    rows = (
        ops.pad(scores, ((0, 0), (0, missing)), constant_values=-1.0),
        ops.pad(boxes, ((0, 0), (0, missing), (0, 0))),
        ops.pad(classes, ((0, 0), (0, missing))),
    )
    chunks = (count + missing) // size
    rows = [ops.reshape(x, (-1, chunks, size, *x.shape[2:])) for x in rows]
    places, numbers = ops.arange(most, dtype="int32"), ops.arange(size, dtype="int32")
    later = numbers[:, None] < numbers
    beginnings = rows[0][:, :, 0]

    def hides(overlaps, classes, others):
        above = overlaps > rule.iou
        if rule.agnostic:
            return above
        return ops.logical_and(above, ops.equal(classes[:, :, None], others[:, None]))

    def more(step, found, _):
        # Behind the last chunk there is nothing to look up.
        best = ops.take(beginnings, ops.minimum(step, chunks - 1), axis=1)
        open_ = ops.logical_and(best > rule.threshold, found < most)
        return ops.logical_and(step < chunks, ops.any(open_))

    def take(step, found, kept):
        values, own, kinds = (ops.take(x, step, axis=1) for x in rows)
        before = ops.take_along_axis(boxes, kept[..., None], axis=1)
        there = places < found[:, None]
        hidden = hides(iou(own, before), kinds, ops.take_along_axis(classes, kept, axis=1))
        hidden = ops.any(ops.logical_and(hidden, there[:, None]), axis=-1)
        alive = ops.logical_and(values > rule.threshold, ops.logical_not(hidden))
        stays = _survivors(alive, ops.logical_and(hides(iou(own, own), kinds, kinds), later))
        rank = ops.cumsum(ops.cast(stays, "int32"), axis=1) - 1 + found[:, None]
        here = ops.logical_and(ops.equal(rank[..., None], places), stays[..., None])
        index = ops.sum(ops.where(here, numbers[:, None], 0), axis=1) + step * size
        kept = ops.where(ops.any(here, axis=1), index, kept)
        found = found + ops.sum(ops.cast(stays, "int32"), axis=1)
        return step + 1, ops.minimum(found, most), kept

    none = ops.cast(ops.zeros_like(order[:, 0]), "int32")
    _, found, kept = ops.while_loop(more, take, (0, none, none[:, None] + ops.zeros_like(places)))
    there = places < found[:, None]
    values = ops.where(there, ops.take_along_axis(scores, kept, axis=1), 0.0)
    return values, ops.take_along_axis(ops.cast(order, "int32"), kept, axis=1)


def _survivors(alive, hides):
    """Which of some boxes, best first, stay: those that none that stays hides.

    Args:
        alive: (batch, K) bool. hides: (batch, K, K) bool, whether the first hides the second, which
            comes later. From the top down, one more stage of the chain is right after each turn.
    """

    def changed(_, differs):
        return differs

    def again(stays, _):
        hidden = ops.any(ops.logical_and(hides, stays[..., None]), axis=1)
        now = ops.logical_and(alive, ops.logical_not(hidden))
        return now, ops.any(ops.not_equal(now, stays))

    return ops.while_loop(changed, again, (alive, ops.any(alive)))[0]


def _one_by_one(boxes, scores, classes, rule: Suppression):
    """(scores, indices), each (batch, M), of soft suppression: the best left, again and again."""
    most, count = rule.max_detections, scores.shape[1]
    places = ops.arange(most)
    numbers = ops.arange(count, dtype="int32")
    # Columns of their own: a step reads each of them once, and slices of boxes would be copied.
    left, top, right, bottom = sides(boxes)
    areas = area(boxes)

    def more(step, scores, *_):
        return ops.logical_and(step < most, ops.any(scores > rule.threshold))

    def take(step, scores, values, kept):
        best = ops.cast(ops.argmax(scores, axis=-1, keepdims=True), "int32")
        value = ops.take_along_axis(scores, best, axis=1)
        box = ops.take_along_axis(boxes, best[..., None], axis=1)
        width = ops.minimum(right, box[..., 2]) - ops.maximum(left, box[..., 0])
        height = ops.minimum(bottom, box[..., 3]) - ops.maximum(top, box[..., 1])
        both = ops.relu(width) * ops.relu(height)
        either = areas + area(box) - both
        overlap = both / ops.where(either > 0, either, 1.0)
        if rule.method == "gaussian":
            weight = ops.exp(-ops.square(overlap) / rule.width)
        else:
            weight = ops.where(overlap > rule.iou, 1 - overlap, 1.0)
        if not rule.agnostic:
            same = ops.equal(classes, ops.take_along_axis(classes, best, axis=1))
            weight = ops.where(same, weight, 1.0)
        scores = ops.where(ops.equal(numbers, best), -1.0, scores * weight)
        here = ops.equal(places, step)
        value = ops.where(value > rule.threshold, value, 0.0)
        return step + 1, scores, ops.where(here, value, values), ops.where(here, best, kept)

    values = ops.zeros_like(scores[:, :1]) * ops.zeros((1, most), "float32")
    start = 0, scores, values, ops.cast(values, "int32")
    _, _, values, kept = ops.while_loop(more, take, start)
    return values, kept


def _at_once(boxes, scores, classes, rule: Suppression):
    """As `_one_by_one`: each is weakened by the stronger one that overlaps it most for its own."""
    count = scores.shape[1]
    scores, order = ops.top_k(scores, count)
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    overlaps = iou(boxes, boxes)
    stronger = ops.arange(count)[:, None] < ops.arange(count)
    if not rule.agnostic:
        classes = ops.take_along_axis(classes, order, axis=1)
        same = ops.equal(classes[:, :, None], classes[:, None])
        stronger = ops.logical_and(stronger, same)
    overlaps = ops.where(stronger, overlaps, 0.0)
    # How much the stronger one is itself hidden.
    hidden = ops.max(overlaps, axis=1)[:, :, None]
    decay = ops.min(ops.exp(rule.width * (ops.square(hidden) - ops.square(overlaps))), axis=1)
    scores = scores * ops.minimum(decay, 1.0)
    scores, index = _all(None, scores, None, rule)
    return scores, ops.take_along_axis(ops.cast(order, "int32"), index, axis=1)


def _all(_boxes, scores, _classes, rule: Suppression):
    """As `_one_by_one`: the best, whatever they overlap."""
    scores = ops.where(scores > rule.threshold, scores, 0.0)
    scores, index = ops.top_k(scores, min(rule.max_detections, scores.shape[1]))
    padding = ((0, 0), (0, max(rule.max_detections - scores.shape[1], 0)))
    return ops.pad(scores, padding), ops.pad(ops.cast(index, "int32"), padding)


WAYS = {"hard": _greedily, "matrix": _at_once, "none": _all}
