"""BatchNorm's statistics measured anew, for weights that no step has trained.

Averaged weights (of a training, or of a soup) answer otherwise than those whose activations the
running mean and variance are of. And a running average forgets: it weighs the last batches most,
which were made by weights of several steps.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from kapps.tasks.trainee import Trainee
from kapps.training.freezing import leaves
from kapps.training.replicas import Share
from kapps.training.state import to_numpy


class Recalibration:
    """Measures mean and variance of what the BatchNormalization layers of a network normalise.

    The mean of the batches' means, and the mean of their squares less its square: those of all
    activations together, where batches are equally large ("PreciseBN" of Wu and Johnson, 2021,
    arXiv:2105.07576, section 3).

    Args:
        model: functional; sees the batches as in training, with its Dropout, as PyTorch's and the
            paper's code do it. Layers that are frozen keep their statistics.
        count: batches at most.
        share: of several processes each measures batches of its own; all get the mean of all.

    Raises:
        ValueError: there is no such layer, or no way to measure on this backend's hosts.
    """

    def __init__(self, model: keras.Model, count: int, share: Share | None = None):
        norms = [one for one in leaves(model) if isinstance(one, keras.layers.BatchNormalization)]
        self.norms = [layer for layer in norms if layer.trainable]
        self.model, self.count, self.share = model, count, share or Share()
        if not self.norms:
            reason = (
                "are frozen; add train_norms, or drop it" if norms else "are not there; drop it"
            )
            raise ValueError(
                f"recalibrate={count}: the BatchNormalization layers of {model.name} {reason}."
            )
        backend = keras.config.backend()
        if self.share.count > 1 and backend != "torch":
            raise ValueError(
                f"recalibrate={count} measures on one host, or on several on torch, and this is "
                f"{backend}; drop it or use --backend torch."
            )
        self._runner = _Training(model)  # compiled once

    def measure(self, batches: Iterable[tuple]) -> None:
        """Set the statistics by the first batches; everything else in the model stays as it is.

        Args:
            batches: of (pictures, ...), as `fit` takes them; of several views the first counts.

        Raises:
            ValueError: there is no batch.
        """
        momenta = [layer.momentum for layer in self.norms]
        others = [v for v in self.model.variables if not v.trainable]  # with the seeds of Dropout
        kept = [to_numpy(variable) for variable in others]
        found = []
        for layer in self.norms:
            layer.momentum = 0.0  # what is left after a batch are its own statistics
        try:
            for pictures, *_ in itertools.islice(batches, self.count):
                one = pictures[0] if isinstance(pictures, list | tuple) else pictures
                self._runner.predict_on_batch(np.asarray(one))
                found.append([self._moments(layer) for layer in self.norms])
        finally:
            for layer, momentum in zip(self.norms, momenta, strict=True):
                layer.momentum = momentum
            for variable, value in zip(others, kept, strict=True):
                variable.assign(value)
        if not found:
            raise ValueError("recalibrate: there is no full batch of pictures to train on.")
        for layer, moments in zip(self.norms, zip(*found, strict=True), strict=True):
            mean, square = np.mean(moments, axis=0)
            layer.moving_mean.assign(mean.astype("float32"))
            layer.moving_variance.assign(np.maximum(square - mean**2, 0).astype("float32"))
        self.share.average(self.model)

    @contextlib.contextmanager
    def measured(self, batches: Iterable[tuple]) -> Iterator[None]:
        """Inside, the model has the statistics of `measure`; afterwards its own again."""
        variables = [v for one in self.norms for v in (one.moving_mean, one.moving_variance)]
        kept = [to_numpy(variable) for variable in variables]
        self.measure(batches)
        try:
            yield
        finally:
            for variable, value in zip(variables, kept, strict=True):
                variable.assign(value)

    @staticmethod
    def _moments(layer) -> tuple[np.ndarray, np.ndarray]:
        """Mean, and mean square, of the last batch."""
        mean = to_numpy(layer.moving_mean).astype("float64")
        return mean, to_numpy(layer.moving_variance) + mean**2


class _Training(Trainee):
    """A network that answers as in training: so each backend runs it as it runs `predict`."""

    def call(self, inputs, training=None):  # noqa: ARG002
        return self.network(inputs, training=True)
