"""How long the gradients are, written down in the training step by the optimiser itself."""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from kapps.training.state import to_numpy

TINY = 1e-30  # below which a norm counts as this, for its logarithm


@dataclasses.dataclass(frozen=True)
class Lengths:
    """The gradients of an epoch.

    Attributes:
        each: path of a variable -> mean of the norms of its gradient over the steps.
        usual: geometric mean over the steps of the norm of all gradients together: a few steps out
            of line do not move it.
        largest: of these norms.
    """

    each: dict[str, float]
    usual: float
    largest: float


class Norms:
    """Two variables beside those of an optimiser, to which each of its `apply` adds norms.

    The gradients are only within reach inside the training step, which is Keras's on each backend
    and hands them to `optimizer.apply` and nothing else. So that is what is extended, of this one
    object: its class stays Keras's. What is noted is a state of the optimiser as its momentum is:
    it is carried, distributed and saved by whatever does so with that. Gradients are those of a
    batch, after loss scaling is undone, before clipping and accumulation. Of several devices on
    TensorFlow, each one's own, and the mean of their norms.

    Args:
        model: compiled, its optimiser built.
    """

    def __init__(self, model: keras.Model):
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self.paths = [variable.path for variable in model.trainable_variables]
        shape = (len(self.paths),)
        self.sums = optimizer.add_variable(shape, name="gradient_norms", aggregation="mean")
        # Steps, sum of the logarithm of the norm of all, the largest of these norms.
        self.course = optimizer.add_variable((3,), name="gradient_course", aggregation="mean")
        # Keras divides the loss by this, and each device's gradient is a part of the sum.
        strategy = getattr(model, "distribute_strategy", None)
        self.scale = float(getattr(strategy, "num_replicas_in_sync", 1))
        apply = optimizer.apply

        def applied(grads, trainable_variables=None):
            grads = list(grads)
            self._note(grads)
            return apply(grads, trainable_variables)

        optimizer.apply = applied

    def _note(self, grads: list) -> None:
        norms = ops.stack([_norm(gradient) for gradient in grads]) * self.scale
        total = ops.sqrt(ops.sum(ops.square(norms)))
        steps, logs, largest = ops.unstack(ops.convert_to_tensor(self.course), 3)
        logs = logs + ops.log(ops.maximum(total, TINY))
        self.sums.assign(ops.convert_to_tensor(self.sums) + norms)
        self.course.assign(ops.stack([steps + 1.0, logs, ops.maximum(largest, total)]))

    def take(self) -> Lengths | None:
        """What was noted since the last call, which begins anew; None without a step."""
        sums, (steps, logs, largest) = to_numpy(self.sums), to_numpy(self.course)
        self.sums.assign(np.zeros_like(sums))
        self.course.assign(np.zeros(3, "float32"))
        if not steps:
            return None
        each = dict(zip(self.paths, (sums / steps).tolist(), strict=True))
        usual = float(logs / steps)
        return Lengths(each, math.exp(usual) if math.isfinite(usual) else usual, float(largest))


def _norm(gradient):
    """The length of a gradient, float32 (); 0 where a variable has none."""
    if gradient is None:
        return ops.zeros((), "float32")
    # Of a table that was looked up, TensorFlow gives the touched rows only.
    gradient = ops.cast(ops.convert_to_tensor(gradient), "float32")
    return ops.sqrt(ops.sum(ops.square(gradient)))
