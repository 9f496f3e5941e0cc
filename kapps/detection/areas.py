"""Losses of areas: of masks and of segmentations, by how much two areas have in common.

Maps are (batch, height, width, classes), scores are probabilities, and `mask` (batch, height,
width) says which pixels count: 0 where the truth is void.
"""

import math

from keras import ops


def tversky(scores, targets, mask=None, alpha=0.5, beta=0.5, smooth=1.0):
    """1 less the Tversky index of each class of each image: (batch, classes).

    Source: Tversky loss function for image segmentation (Salehi et al., 2017, arXiv:1706.05721),
    equation 4.

    Args:
        scores, targets: (batch, height, width, classes), in [0, 1].
        mask: (batch, height, width), bool or weights; None for all pixels.
        alpha, beta: weights of what is found wrongly and of what is missed.
        smooth: added above and below; a class that is nowhere, and nowhere found, has no loss.
    """
    both, found, missed = _counts(scores, targets, mask)
    return 1 - (both + smooth) / (both + alpha * found + beta * missed + smooth)


def dice(scores, targets, mask=None, smooth=1.0):
    """1 less the Dice coefficient of each class of each image: (batch, classes).

    Source: V-Net (Milletari et al., 2016, arXiv:1606.04797), section 3, without the squares.
    Arguments are as of `tversky`.
    """
    both, found, missed = _counts(scores, targets, mask)
    return 1 - (2 * both + smooth) / (2 * both + found + missed + smooth)


def lovasz_hinge(logits, targets, mask=None):
    """The mean of the images' Lovász hinge, for one class: a scalar.

    Source: The Lovász-Softmax loss (Berman et al., 2018, arXiv:1705.08790), section 3.1.

    Args:
        logits: (batch, ...). targets: of the same shape, 0 or 1.
        mask: of the same shape, bool; None for all pixels.
    """
    logits, targets, mask = _rows(logits, targets, mask)
    errors = 1 - logits * (2 * targets - 1)
    return ops.mean(_lovasz(errors, targets, mask))


def lovasz_softmax(scores, targets, mask=None, per_image=False):
    """The mean Lovász extension of 1 - IoU over the classes that are there: a scalar.

    Source: as of `lovasz_hinge`, section 3.2 and equation 12.

    Args:
        scores: (batch, ..., classes), probabilities.
        targets: (batch, ...), numbers of classes; a negative one does not count.
        mask: (batch, ...), bool; None for all pixels.
        per_image: whether classes are averaged for each image, or for the whole batch.
    """
    number = scores.shape[-1]
    targets = ops.cast(targets, "int32")
    valid = targets >= 0
    if mask is not None:
        valid = ops.logical_and(valid, ops.cast(mask, "bool"))
    hot = ops.one_hot(ops.where(valid, targets, -1), number, dtype="float32")
    axes = (len(scores.shape) - 1, *range(len(scores.shape) - 1))
    if per_image:
        axes = (0, len(scores.shape) - 1, *range(1, len(scores.shape) - 1))
    valid = ops.broadcast_to(valid[..., None], ops.shape(hot))
    shape = (-1, math.prod(scores.shape[1:-1])) if per_image else (number, -1)
    scores, hot, valid = (
        ops.reshape(ops.transpose(ops.cast(x, "float32"), axes), shape)
        for x in (scores, hot, valid)
    )
    losses = _lovasz(ops.abs(hot - scores), hot, valid)
    there = ops.cast(ops.any(hot > 0, axis=1), "float32")
    if per_image:
        losses, there = (ops.reshape(x, (-1, number)) for x in (losses, there))
        count = ops.maximum(ops.sum(there, axis=1), 1)
        return ops.mean(ops.sum(losses * there, axis=1) / count)
    return ops.sum(losses * there) / ops.maximum(ops.sum(there), 1)


def _lovasz(errors, targets, mask):
    """(rows, pixels) -> (rows,): the Lovász extension at the errors; algorithm 1."""
    errors = ops.where(mask > 0, errors, -1e9)  # last, where the gradient is that of no error
    order = ops.argsort(ops.stop_gradient(-errors), axis=1)
    errors = ops.take_along_axis(errors, order, axis=1)
    truth = ops.take_along_axis(ops.where(mask > 0, targets, 0.0), order, axis=1)
    count = ops.sum(truth, axis=1, keepdims=True)
    both = count - ops.cumsum(truth, axis=1)
    either = count + ops.cumsum(1 - truth, axis=1)
    jaccard = 1 - both / ops.maximum(either, 1)
    steps = jaccard - ops.pad(jaccard[:, :-1], ((0, 0), (1, 0)))
    return ops.sum(ops.relu(errors) * ops.stop_gradient(steps), axis=1)


def _rows(logits, targets, mask):
    """Each image as a row."""
    mask = ops.ones_like(logits) if mask is None else mask
    size = math.prod(logits.shape[1:])
    return tuple(ops.reshape(ops.cast(x, "float32"), (-1, size)) for x in (logits, targets, mask))


def _counts(scores, targets, mask):
    """Pixels in both, found wrongly, missed: each (batch, classes)."""
    scores, targets = ops.cast(scores, "float32"), ops.cast(targets, "float32")
    weight = 1.0 if mask is None else ops.cast(mask, "float32")[..., None]
    both = ops.sum(weight * scores * targets, axis=(1, 2))
    found = ops.sum(weight * scores * (1 - targets), axis=(1, 2))
    missed = ops.sum(weight * (1 - scores) * targets, axis=(1, 2))
    return both, found, missed
