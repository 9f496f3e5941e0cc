"""Losses of masks: of each pixel, and of the overlap of each class."""

import keras
from keras import ops

from kapps.data.placement import IGNORE

PARTS = ("cross_entropy", "focal", "dice", "lovasz")


@keras.saving.register_keras_serializable("kapps")
class PixelLoss(keras.losses.Loss):
    """One loss, or the sum of several, of the pixels that have a class.

    Labels are (batch, height, width), class numbers with 255 for none; answers (batch, height,
    width, classes).

    Args:
        kind: one of PARTS, or several with "+" between them: "cross_entropy", the mean over
            pixels; "focal" (Lin et al., 2017, arXiv:1708.02002, equation 4); "dice" (Milletari et
            al., 2016, arXiv:1606.04797, with sums for its squares), 1 minus the mean overlap of the
            classes that occur; "lovasz" (Berman et al., 2018, arXiv:1705.08790), whose minimum is
            that of 1 minus the mean intersection over union of the classes that occur.
        from_logits: True when the model ends without softmax.
        gamma: of the focal loss.
        class_weights: what a pixel of each class counts in "cross_entropy" and "focal"; None for 1
            each. The mean is over weights.
    """

    def __init__(
        self,
        kind: str = "cross_entropy",
        from_logits: bool = False,
        gamma: float = 2.0,
        class_weights: list[float] | None = None,
        name: str = "pixel_loss",
    ):
        super().__init__(name=name)
        self.kind, self.from_logits, self.gamma = kind, from_logits, gamma
        self.class_weights = class_weights

    def call(self, y_true, y_pred):
        """The loss of the batch, a scalar."""
        y_pred = ops.cast(y_pred, "float32")
        labels = ops.cast(y_true, "int32")
        counts = ops.cast(ops.not_equal(labels, IGNORE), "float32")
        labels = ops.where(ops.equal(labels, IGNORE), 0, labels)
        parts = self.kind.split("+")
        total = 0.0
        if {"cross_entropy", "focal"} & set(parts):
            terms = ops.sparse_categorical_crossentropy(labels, y_pred, self.from_logits)
            total = sum(self._of_pixels(p, terms, labels, counts) for p in parts if p in PARTS[:2])
        if {"dice", "lovasz"} & set(parts):
            shares = ops.softmax(y_pred) if self.from_logits else y_pred
            truth = ops.one_hot(labels, y_pred.shape[-1], dtype="float32") * counts[..., None]
            if "dice" in parts:
                total = total + dice(truth, shares * counts[..., None])
            if "lovasz" in parts:
                total = total + lovasz(truth, shares, counts)
        return total

    def _of_pixels(self, part: str, terms, labels, counts):
        if part == "focal":
            terms = terms * (1.0 - ops.exp(-terms)) ** self.gamma
        if self.class_weights is not None:
            weights = ops.convert_to_tensor(self.class_weights, "float32")
            counts = counts * ops.take(weights, labels, axis=0)
        return ops.sum(terms * counts) / ops.maximum(ops.sum(counts), 1e-6)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "kind": self.kind,
            "from_logits": self.from_logits,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
        }


def dice(truth, shares):
    """1 minus twice the intersection over the sum of both, the mean over classes that occur.

    Args:
        truth: (batch, height, width, classes), 1 where a pixel is of a class.
        shares: probabilities of that shape; both 0 in pixels that do not count.
    """
    axes = (0, 1, 2)
    both, ours, theirs = (ops.sum(x, axes) for x in (truth * shares, shares, truth))
    return _mean(1.0 - 2.0 * both / ops.maximum(ours + theirs, 1e-6), theirs)


def lovasz(truth, shares, counts):
    """The Lovász extension of 1 minus the intersection over union: algorithm 1 of the paper.

    Args:
        truth, shares: see `dice`. counts: (batch, height, width), 0 where a pixel does not count.
    """
    classes = truth.shape[-1]
    truth, shares = (ops.transpose(ops.reshape(x, (-1, classes))) for x in (truth, shares))
    # Pixels that do not count come last, with no error.
    errors = ops.abs(truth - shares) * ops.reshape(counts, (1, -1))
    order = ops.argsort(-errors, axis=-1)
    errors = ops.take_along_axis(errors, order, axis=-1)
    right = ops.take_along_axis(truth, order, axis=-1)
    total = ops.sum(truth, axis=-1, keepdims=True)
    intersection = total - ops.cumsum(right, axis=-1)
    union = total + ops.cumsum(1.0 - right, axis=-1)
    jaccard = 1.0 - intersection / ops.maximum(union, 1e-6)
    steps = ops.concatenate([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], axis=-1)
    return _mean(ops.sum(errors * ops.stop_gradient(steps), axis=-1), total[:, 0])


def _mean(values, pixels):
    """Over the classes that occur."""
    occurs = ops.cast(pixels > 0, "float32")
    return ops.sum(values * occurs) / ops.maximum(ops.sum(occurs), 1.0)
