"""Which anchor learns which truth where only shapes and cells count: YOLOv1 to v7.

Arguments and `Matches` are as in `kapps.detection.matching`; `anchors` are those of `CellAnchors`,
around the middles of their cells, `strides` (A,) their distances.
"""

from keras import ops

from kapps.detection.assigning import all_of, given, match_cheapest, settle
from kapps.detection.boxes import iou, to_centres
from kapps.detection.matching import Matches


def match_by_prior(
    anchors, strides, boxes, classes, predicted=None, ignore=0.7, also=None
) -> Matches:
    """In the cells of its middle, a truth is learnt by the anchor whose shape is most like its own.

    Sources: YOLOv3 (Redmon and Farhadi, 2018, arXiv:1804.02767), section 2.1: one anchor a truth.
    Two truths that meet at an anchor: the one whose shape is more like it.

    Args:
        anchors: (A, 4). strides: (A,). boxes: (batch, N, 4). classes: (batch, N).
        predicted: (batch, A, 4), boxes that the network says: an anchor whose box overlaps a truth
            by more than `ignore` without being its own is no background. None for none.
        also: overlap of the shapes above which further anchors of the cells learn the truth too, as
            0.213 in v4's code; None for none.
        ignore: that overlap: 0.5 in the paper, 0.6 for v2 and 0.7 for v3 and v4 in their code.

    Returns:
        Matches whose quality is the overlap of the shapes.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    _, _, alike = _shapes(anchors, boxes)
    across, down = _away(anchors, strides, boxes)
    own = all_of(across >= -0.5, across < 0.5, down >= -0.5, down < 0.5, there)
    alike = ops.where(own, alike, -1.0)
    enough = ops.max(alike, axis=-1, keepdims=True)
    enough = enough if also is None else ops.minimum(enough, also)
    chosen = ops.logical_and(own, alike >= enough)
    matches = settle(chosen, ops.where(chosen, alike, -1.0), ops.relu(alike))
    if predicted is None:
        return matches
    predicted = ops.stop_gradient(ops.cast(predicted, "float32"))
    close = ops.max(ops.where(there, iou(boxes, predicted), 0.0), axis=1) > ignore
    return matches._replace(ignored=ops.logical_and(close, ops.logical_not(matches.positive)))


def match_by_cell(anchors, strides, boxes, classes, predicted) -> Matches:
    """In the cell of its middle, a truth is learnt by the box that overlaps it most already.

    Source: YOLOv1 (Redmon et al., 2015, arXiv:1506.02640), section 2.2: "responsible" predictors.
    Of two truths in a cell, that one which it overlaps more.

    Args:
        anchors, strides, boxes, classes: as of `match_by_prior`; the sizes of anchors do not count.
        predicted: (batch, A, 4), boxes that the network says.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    across, down = _away(anchors, strides, boxes)
    own = all_of(across >= -0.5, across < 0.5, down >= -0.5, down < 0.5, there)
    overlaps = iou(boxes, ops.stop_gradient(ops.cast(predicted, "float32")))
    best = ops.argmax(ops.where(own, overlaps, -1.0), axis=-1)[..., None]
    chosen = ops.logical_and(own, ops.equal(ops.cast(best, "int32"), ops.arange(anchors.shape[-2])))
    return settle(chosen, ops.where(chosen, overlaps, -1.0), overlaps)


def match_by_ratio(anchors, strides, boxes, classes, most=4.0) -> Matches:
    """A truth is learnt by all anchors of nearly its shape, in its cell and the two nearest ones.

    Source: the models of YOLOv5 (Ultralytics, 2020). There an anchor may learn several truths; here
    it learns the one whose shape is most like its own.

    Args:
        anchors, strides, boxes, classes: as of `match_by_prior`.
        most: how many times a truth may be wider or narrower, higher or lower than the anchor.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    chosen, alike = _near(anchors, strides, boxes, there, most)
    return settle(chosen, ops.where(chosen, alike, -1.0), alike)


def match_by_ratio_and_cost(
    anchors, strides, boxes, classes, scores, predicted, ratio=4.0, most=10
) -> Matches:
    """Of the anchors of `match_by_ratio` those whose predictions cost a truth least, as SimOTA has
    it: as many as the sum of its `most` highest overlaps.

    Source: YOLOv7 (Wang et al., 2022, arXiv:2207.02696), section 4.2, as its code assigns (its
    ComputeLossOTA). There an anchor near two truths is a candidate twice, here once.

    Args:
        anchors, strides, boxes, classes: as of `match_by_prior`.
        scores: (batch, A, C), square roots of the probabilities of class and object.
        predicted: (batch, A, 4), boxes.
        ratio: `most` of `match_by_ratio`.
        most: how many overlaps are summed.
    """
    anchors, boxes, there = given(anchors, boxes, classes)
    near, _ = _near(anchors, strides, boxes, there, ratio)
    return match_cheapest(near, boxes, classes, scores, predicted, most)


def _near(anchors, strides, boxes, there, most):
    """Which anchors are nearly of a truth's shape and near its middle, and how alike they are."""
    wide, high, alike = _shapes(anchors, boxes)
    across, down = (ops.abs(x) for x in _away(anchors, strides, boxes))
    # Whoever's middle is in the left half of a cell is nearer the cell to the left, and so on.
    cross = ops.logical_or(
        ops.logical_and(across <= 0.5, down < 1), ops.logical_and(across < 1, down <= 0.5)
    )
    return all_of(cross, wide < most, high < most, there), alike


def _shapes(anchors, boxes):
    """How many times widths and heights differ, and the overlap of the shapes: (batch, N, A)."""
    a, b = to_centres(anchors)[..., 2:], to_centres(boxes)[:, :, None, 2:]
    b = ops.maximum(b, 1e-6)
    ratio = ops.maximum(a / b, b / a)
    both = ops.minimum(a, b)
    both = both[..., 0] * both[..., 1]
    either = a[..., 0] * a[..., 1] + b[..., 0] * b[..., 1] - both
    return ratio[..., 0], ratio[..., 1], both / either


def _away(anchors, strides, boxes):
    """(x, y) of a truth's middle from the anchor's, in strides: each (batch, N, A)."""
    away = to_centres(boxes)[:, :, None, :2] - to_centres(anchors)[..., :2]
    away = away / ops.convert_to_tensor(strides, "float32")[:, None]
    return away[..., 0], away[..., 1]
