"""AugMix's consistency: a picture and two augmented views of it get the same answer."""

import keras
from keras import ops

from kapps.data import View
from kapps.tasks import scoring
from kapps.tasks.trainee import Trainee

# The piece of the photo as it is, and twice the same piece, changed by the policy.
VIEWS = (View(cut_only=True), View(of_first=True), View(of_first=True))
SMALLEST = 1e-7  # below it a probability counts as this, as in the authors' code


class Consistent(Trainee):
    """A network that learns the labels of the first view, and the same answer to all views.

    The loss is that of the labels and `weight` times the Jensen-Shannon divergence of the answers,
    the mean of their Kullback-Leibler divergences from their mean (Hendrycks et al., 2019,
    arXiv:1912.02781, equations 1 and 2; the weight is 12 there for all of its results).

    Args:
        network: its first output has rows of scores of classes that exclude each other.
        weight: above 0.
    """

    def __init__(self, network: keras.Model, weight: float):
        super().__init__(network)
        self.weight, self.logits = weight, scoring.kind_of(network) == "logits"

    def call(self, inputs, training=None):
        """Of views the answers one after the other; of one picture, as features are, its own."""
        if isinstance(inputs, list | tuple):  # as one batch, also for BatchNorm
            inputs = ops.concatenate(inputs)
        return self.network(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if not isinstance(x, list | tuple):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        answers = ops.split(y_pred, len(x))
        own = super().compute_loss(x, y, answers[0], sample_weight, training)
        return own + self.weight * divergence(answers, self.logits)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        several = isinstance(x, list | tuple)
        answers = ops.split(y_pred, len(x))[0] if several else y_pred
        return super().compute_metrics(x, y, answers, sample_weight)


def divergence(answers: list, logits: bool = False):
    """The Jensen-Shannon divergence of several answers to each picture, the mean of all pictures.

    Args:
        answers: (batch, classes) each.
        logits: whether they are, instead of probabilities.
    """
    rows = ops.cast(ops.stack(answers), "float32")
    if logits:
        logs = ops.log_softmax(rows, axis=-1)
        rows = ops.exp(logs)
    else:
        logs = ops.log(ops.maximum(rows, SMALLEST))
    mean = ops.log(ops.maximum(ops.mean(rows, axis=0), SMALLEST))
    return ops.mean(ops.sum(rows * (logs - mean), axis=-1))
