"""Losses of boxes and of their classes, one value for each element.

`total` adds them up and leaves padding out. Logits and targets are cast to float32.
"""

from keras import ops

from kapps.detection import boxes as overlaps

BOX_LOSSES = {
    "iou": overlaps.aligned_iou,
    "giou": overlaps.giou,
    "diou": overlaps.diou,
    "ciou": overlaps.ciou,
    "siou": overlaps.siou,
}


def total(values, mask=None, by=None):
    """The sum of the values where `mask`, divided by `by`, or by 1 where that is less.

    Args:
        values: (...), which are numbers also where the mask is not.
        mask: bool or weights, broadcast against the values; None for all.
        by: a scalar, such as the number of positive anchors; None for how many values count.
    """
    values = _floats(values)
    mask = ops.ones_like(values) if mask is None else _floats(mask)
    mask = ops.broadcast_to(mask, ops.shape(values))
    by = ops.sum(mask) if by is None else _floats(by)
    return ops.sum(values * mask) / ops.maximum(by, 1.0)


def sigmoid_focal(logits, targets, alpha=0.25, gamma=2.0):
    """Cross entropy that easy examples hardly add to.

    Source: Focal Loss for Dense Object Detection (Lin et al., 2017, arXiv:1708.02002), equation 5.

    Args:
        logits: (...).
        targets: of the same shape, 0 or 1, or between.
        alpha: weight of ones; that of zeros is 1 - alpha; None for no weights.
        gamma: how much easy examples are weakened.
    """
    logits, targets = _floats(logits), _floats(targets)
    p = ops.sigmoid(logits)
    missed = p * (1 - targets) + (1 - p) * targets
    loss = _cross_entropy(logits, targets) * ops.power(missed, gamma)
    if alpha is None:
        return loss
    return loss * (alpha * targets + (1 - alpha) * (1 - targets))


def quality_focal(logits, targets, beta=2.0):
    """`sigmoid_focal` for targets that say how well a box fits.

    Source: Generalized Focal Loss (Li et al., 2020, arXiv:2006.04388), equation 4.
    """
    logits, targets = _floats(logits), _floats(targets)
    away = ops.abs(targets - ops.sigmoid(logits))
    return _cross_entropy(logits, targets) * ops.power(away, beta)


def varifocal(logits, targets, alpha=0.75, gamma=2.0):
    """Cross entropy weighted by the target where there is one, focal where there is none.

    Source: VarifocalNet (Zhang et al., 2021, arXiv:2008.13367), equation 2.
    """
    logits, targets = _floats(logits), _floats(targets)
    background = alpha * ops.power(ops.sigmoid(logits), gamma)
    weight = ops.where(targets > 0, targets, background)
    return _cross_entropy(logits, targets) * weight


def distribution_focal(logits, distances):
    """Cross entropy with the two whole numbers on either side of a distance.

    Source: Generalized Focal Loss, equation 6.

    Args:
        logits: (..., bins).
        distances: (...), in bins; what lies beyond the last is taken as the last.
    """
    logits = _floats(logits)
    last = logits.shape[-1] - 1
    distances = ops.clip(_floats(distances), 0, last)
    lower = ops.minimum(ops.floor(distances), last - 1)
    share = distances - lower
    lower = ops.cast(lower, "int32")[..., None]
    logs = ops.log_softmax(logits, axis=-1)
    below = ops.take_along_axis(logs, lower, axis=-1)[..., 0]
    above = ops.take_along_axis(logs, lower + 1, axis=-1)[..., 0]
    return -(1 - share) * below - share * above


def smooth_l1(predictions, targets, beta=1.0):
    """Half the square by `beta` up to `beta`, the distance less half of `beta` beyond.

    Source: Fast R-CNN (Girshick, 2015, arXiv:1504.08083), equation 3; `beta=0` is the distance.
    """
    distance = ops.abs(_floats(predictions) - _floats(targets))
    if beta == 0:
        return distance
    return ops.where(distance < beta, ops.square(distance) * (0.5 / beta), distance - beta / 2)


def box_loss(predictions, truths, kind="giou"):
    """1 less the overlap of each box with its truth: (..., 4), (..., 4) -> (...).

    Args:
        predictions, truths: boxes in pixels.
        kind: "iou", "giou", "diou", "ciou" or "siou", see `kapps.detection.boxes`.
    """
    if kind not in BOX_LOSSES:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(BOX_LOSSES)}")
    return 1 - BOX_LOSSES[kind](_floats(predictions), _floats(truths))


def centreness(distances):
    """How near the middle of its box a point is: (..., 4) -> (...) in [0, 1].

    Source: FCOS (Tian et al., 2019, arXiv:1904.01355), equation 3.

    Args:
        distances: to the left, top, right and bottom edge; 0 for points outside.
    """
    left, top, right, bottom = (ops.relu(_floats(distances)[..., i]) for i in range(4))
    across = ops.minimum(left, right) / ops.maximum(ops.maximum(left, right), 1e-7)
    down = ops.minimum(top, bottom) / ops.maximum(ops.maximum(top, bottom), 1e-7)
    # The gradient of a root at 0 is none; targets need none.
    return ops.stop_gradient(ops.sqrt(across * down))


def sigmoid_cross_entropy(logits, targets):
    """Cross entropy of each logit with a target in [0, 1]."""
    return _cross_entropy(_floats(logits), _floats(targets))


def _cross_entropy(logits, targets):
    """-target log sigmoid - (1 - target) log (1 - sigmoid), without overflow."""
    return ops.relu(logits) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))


def _floats(x):
    return ops.cast(x, "float32")
