"""Which anchor learns which truth, by centres, by scales, or by what the network says already.

Arguments and `Matches` are as in `kapps.detection.matching`: `boxes` (batch, N, 4), `classes`
(batch, N) with -1 for padding; `anchors` (A, 4), points as boxes as wide as their stride. Here no
anchor is ignored. Nothing passes a gradient.
"""

from keras import ops

from kapps.detection.boxes import area, ciou, inside, iou, to_centres, to_corners
from kapps.detection.matching import Matches

_NEVER = 1e9


def match_by_statistics(anchors, counts, boxes, classes, nearest=9) -> Matches:
    """ATSS: the nearest anchors of each level, if they overlap more than is usual among them.

    The threshold of a truth is the mean of its candidates' overlaps plus their standard deviation.
    Source: Bridging the Gap Between Anchor-based and Anchor-free Detection (Zhang et al., 2020,
    arXiv:1912.02424), algorithm 1.

    Args:
        anchors, boxes, classes: see the module.
        counts: numbers of anchors of each level.
        nearest: candidates of each level; those as far as the last one too.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    middles, truths = to_centres(anchors)[..., :2], to_centres(boxes)[..., :2]
    far = ops.sum(ops.square(truths[:, :, None] - middles), axis=-1)
    levels, start = [], 0
    for count in counts:
        level = far[..., start : start + count]
        last = -ops.top_k(-level, min(nearest, count))[0][..., -1:]
        levels.append(level <= last)
        start += count
    candidate = ops.concatenate(levels, axis=-1)
    overlaps = iou(boxes, anchors)
    weight = ops.cast(candidate, "float32")
    number = ops.sum(weight, axis=-1, keepdims=True)
    mean = ops.sum(weight * overlaps, axis=-1, keepdims=True) / number
    spread = ops.sum(weight * ops.square(overlaps - mean), axis=-1, keepdims=True)
    threshold = mean + ops.sqrt(spread / ops.maximum(number - 1, 1))
    chosen = ops.logical_and(candidate, overlaps >= threshold)
    chosen = all_of(chosen, inside(middles, boxes[:, :, None]), there)
    return settle(chosen, ops.where(chosen, overlaps, -1.0), overlaps)


def match_by_range(anchors, counts, boxes, classes, radius=1.5, scales=(4, 8)) -> Matches:
    """FCOS: points near the middle of a truth whose size suits the level; the smallest truth wins.

    Source: FCOS (Tian et al., 2019, arXiv:1904.01355), section 3.2, with the sampling of centres of
    its journal version, as torchvision has them.

    Args:
        anchors, boxes, classes: see the module. counts: numbers of points of each level.
        radius: farthest from the middle of the truth, in strides.
        scales: between how many strides the farthest edge may be; the first level takes all that is
            nearer, the last all that is farther.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    middles = to_centres(anchors)[..., :2]
    sizes = anchors[..., 2] - anchors[..., 0]
    shift = ops.abs(middles - to_centres(boxes)[:, :, None, :2])
    near = ops.max(shift, axis=-1) < radius * sizes
    number = ops.arange(sum(counts))
    least = ops.where(number < counts[0], 0.0, scales[0] * sizes)
    most = ops.where(number >= sum(counts[:-1]), _NEVER, scales[1] * sizes)
    x, y = middles[..., 0], middles[..., 1]
    left, top, right, bottom = (boxes[:, :, None, i] for i in range(4))
    farthest = ops.maximum(ops.maximum(x - left, right - x), ops.maximum(y - top, bottom - y))
    chosen = all_of(
        near,
        inside(middles, boxes[:, :, None]),
        ops.logical_and(farthest > least, farthest < most),
        there,
    )
    small = ops.broadcast_to(-area(boxes)[..., None], ops.shape(chosen))
    return settle(chosen, ops.where(chosen, small, -_NEVER), iou(boxes, anchors))


def match_by_cost(
    anchors, boxes, classes, scores, predicted, radius=1.5, most=10, weight=3.0
) -> Matches:
    """SimOTA: the anchors whose predictions cost a truth least, more of them where more overlap.

    A truth gets as many as the sum of its `most` highest overlaps with predictions, one at least.
    Source: YOLOX (Ge et al., 2021, arXiv:2107.08430), section 2.1; the radius is that of its code
    since version 0.3.

    Args:
        anchors, boxes, classes: see the module; anchors are points in the middle of their cells.
        scores: (batch, A, C), probabilities of the classes, for YOLOX the square root of those of
            class and object.
        predicted: (batch, A, 4), boxes.
        radius: farthest from the middle of a truth that is no last resort, in strides.
        most: how many overlaps are summed.
        weight: of the overlap in the costs.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    sizes = anchors[..., 2] - anchors[..., 0]
    shift = ops.abs(to_centres(anchors)[..., :2] - to_centres(boxes)[:, :, None, :2])
    near = ops.logical_and(ops.max(shift, axis=-1) < radius * sizes, there)
    return match_cheapest(near, boxes, classes, scores, predicted, most, weight, far=1e6)


def match_cheapest(
    near, boxes, classes, scores, predicted, most=10, weight=3.0, far=0.0
) -> Matches:
    """The second half of `match_by_cost`: of anchors that are near any truth, the cheapest ones.

    Args:
        near: (batch, N, A) bool, which anchors are near which truth.
        far: what an anchor costs a truth that it is not near.
        boxes, classes, scores, predicted, most, weight: as there.
    """
    scores, predicted = (ops.stop_gradient(ops.cast(x, "float32")) for x in (scores, predicted))
    there = ops.expand_dims(classes, -1) >= 0
    candidate = ops.any(near, axis=1, keepdims=True)
    shares = ops.clip(scores, 1e-7, 1 - 1e-7)
    without = -ops.log(1 - shares)
    own = _of_class(-ops.log(shares) - without, classes)
    overlaps = ops.where(ops.logical_and(candidate, there), iou(boxes, predicted), 0.0)
    cost = ops.sum(without, axis=-1)[:, None] + own - weight * ops.log(overlaps + 1e-8)
    cost = cost + ops.where(near, 0.0, far)
    cost = ops.where(ops.logical_and(candidate, there), cost, _NEVER)

    most = min(most, predicted.shape[-2])
    number = ops.sum(ops.top_k(overlaps, most)[0], axis=-1)
    number = ops.clip(ops.cast(number, "int32"), 1, most)
    lowest = -ops.top_k(-cost, most)[0]
    last = ops.take_along_axis(lowest, number[..., None] - 1, axis=-1)
    chosen = all_of(cost <= last, candidate, there)
    return settle(chosen, -cost, overlaps)


def match_by_alignment(
    anchors,
    boxes,
    classes,
    scores,
    predicted,
    most=10,
    alpha=0.5,
    beta=6.0,
    complete=True,
    smallest=0.0,
) -> Matches:
    """Task-aligned: the anchors in a truth whose predictions are best in class and box together.

    The alignment is score**alpha * overlap**beta. `quality` is the alignment too, scaled so that
    the best of a truth has the truth's best overlap: the target of the class (`targets(soft=True)`)
    and the weight of the box. Source: TOOD (Feng et al., 2021, arXiv:2108.07755), section 3.2, with
    13, 1 and 6; the defaults are YOLOv8's.

    Args:
        anchors, boxes, classes, scores, predicted: as of `match_by_cost`.
        most: how many anchors a truth has at most.
        alpha, beta: exponents of score and overlap.
        complete: whether the overlap is `ciou`, where it is positive, or plain.
        smallest: pixels that a truth is wide and high at least while anchors in it are looked for,
            so that small things have some.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    scores, predicted = (ops.stop_gradient(ops.cast(x, "float32")) for x in (scores, predicted))
    middles, sizes = to_centres(boxes)[..., :2], ops.maximum(to_centres(boxes)[..., 2:], smallest)
    wide = to_corners(ops.concatenate([middles, sizes], axis=-1)) if smallest else boxes
    within = all_of(inside(to_centres(anchors)[..., :2], wide[:, :, None]), there)
    if complete:
        overlaps = ops.relu(ciou(predicted[:, None], boxes[:, :, None]))
    else:
        overlaps = iou(boxes, predicted)
    overlaps = ops.where(within, ops.stop_gradient(overlaps), 0.0)
    own = _of_class(scores, classes)
    alignment = ops.where(within, ops.power(own, alpha) * ops.power(overlaps, beta), 0.0)
    last = ops.top_k(alignment, min(most, anchors.shape[-2]))[0][..., -1:]
    chosen = all_of(alignment >= last, alignment > 0)
    matches = settle(chosen, overlaps, overlaps)

    mine = ops.equal(matches.truths[:, None], ops.arange(boxes.shape[1])[:, None])
    mine = ops.logical_and(mine, matches.positive[:, None])
    alignment, overlaps = (ops.where(mine, x, 0.0) for x in (alignment, overlaps))
    top = ops.max(alignment, axis=-1, keepdims=True)
    scaled = alignment / ops.where(top > 0, top, 1.0) * ops.max(overlaps, axis=-1, keepdims=True)
    return matches._replace(quality=ops.max(scaled, axis=1))


def given(anchors, boxes, classes):
    """Floats without gradients, and which truths are none of padding: (batch, N, 1)."""
    anchors, boxes = (ops.stop_gradient(ops.cast(x, "float32")) for x in (anchors, boxes))
    return anchors, boxes, ops.expand_dims(classes, -1) >= 0


def _of_class(values, classes):
    """(batch, A, C) -> (batch, N, A): what each anchor says of each truth's class."""
    hot = ops.one_hot(ops.cast(classes, "int32"), values.shape[-1], dtype="float32")
    return ops.einsum("bnc,bac->bna", hot, values)


def all_of(first, *others):
    """The logical and of several."""
    for other in others:
        first = ops.logical_and(first, other)
    return first


def settle(chosen, preference, overlaps) -> Matches:
    """Each anchor to one truth: of several that chose it, to the one that `preference` is highest.

    Args:
        chosen: (batch, N, A) bool. preference, overlaps: (batch, N, A).
    """
    number = ops.sum(ops.cast(chosen, "int32"), axis=1)
    only = ops.argmax(ops.cast(chosen, "int32"), axis=1)
    truths = ops.cast(ops.where(number > 1, ops.argmax(preference, axis=1), only), "int32")
    positive = number > 0
    truths = ops.where(positive, truths, 0)
    found = ops.take_along_axis(overlaps, truths[:, None], axis=1)[:, 0]
    quality = ops.where(positive, ops.clip(found, 0.0, 1.0), 0.0)
    return Matches(truths, positive, ops.zeros_like(positive), quality)
