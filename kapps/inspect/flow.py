"""How long the gradients of a network are, layer by layer and step by step."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kapps.inspect import signs, units
from kapps.inspect.running import ENDS
from kapps.layers import kernels


class Flow(NamedTuple):
    """The gradients of a network on a batch.

    Attributes:
        norms: path of each trainable variable, in the order of the layers -> the norm of its
            gradient at each step.
        relative: path of each kernel -> the norm at the first step, divided by that of the kernel.
        losses: at each step, before it.
        dead: shares of dead ReLUs before the first step, see `kapps.inspect.units.Dead`; None
            without a ReLU.
        signs: sentences that name vanishing and exploding gradients and dead ReLUs; [] where
            nothing shows.
    """

    norms: dict[str, list[float]]
    relative: dict[str, float]
    losses: list[float]
    dead: units.Dead | None
    signs: list[str]


def gradient_flow(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int = 1,
    learning_rate: float = 0.01,
    loss: Callable | None = None,
) -> Flow:
    """Measure gradients as training would have them; the model stays as it is.

    Args:
        model: any Keras model with weights.
        images: a batch as it takes them.
        labels: of the batch: numbers of classes, or what `loss` takes.
        steps: of plain gradient descent on this batch.
        learning_rate: of these steps.
        loss: of (labels, outputs), a number for each image; None for the cross-entropy.

    Raises:
        ValueError: steps below 1, or a model without trainable weights.
    """
    if steps < 1:
        raise ValueError(f"steps={steps} is out of range; use 1 or more")
    variables = model.trainable_variables
    if not variables:
        raise ValueError(f"model {model.name!r} has no trainable weights; thaw some, or build it")
    loss = loss or _cross_entropy(model)

    def function(weights, others, images, labels):
        outputs, others = model.stateless_call(weights, others, images, training=True)
        return ops.mean(loss(labels, outputs)), others

    derivative = kernels.differentiated(function)
    # As arrays first: on TensorFlow a variable stays one otherwise.
    weights = [ops.convert_to_tensor(ops.convert_to_numpy(variable)) for variable in variables]
    others = list(map(ops.convert_to_tensor, model.non_trainable_variables))
    batch = ops.convert_to_tensor(images), ops.convert_to_tensor(labels)
    rows, losses = [], []
    for _ in range(steps):
        number, others, gradients = derivative(weights, others, *batch)
        losses.append(float(number))
        rows.append([float(ops.norm(ops.reshape(gradient, (-1,)))) for gradient in gradients])
        pairs = zip(weights, gradients, strict=True)
        weights = [weight - learning_rate * gradient for weight, gradient in pairs]
    return _read(model, np.array(rows), losses, images)


def _read(model: keras.Model, rows: np.ndarray, losses: list[float], images) -> Flow:
    paths = [variable.path for variable in model.trainable_variables]
    norms = dict(zip(paths, rows.T.tolist(), strict=True))
    values = {v.path: ops.convert_to_numpy(v) for v in model.trainable_variables}
    relative = signs.relative({path: each[0] for path, each in norms.items()}, values)
    totals = np.sqrt((rows**2).sum(axis=1))
    usual = float(np.exp(np.log(np.maximum(totals, np.finfo("float32").tiny)).mean()))
    dead = units.Units(model).look([(images, None)])
    found = [
        signs.exploding(usual, float(totals.max()), relative),
        signs.vanishing(relative),
        signs.dying(dead.shares, dead.pictures) if dead else None,
    ]
    return Flow(norms, relative, losses, dead, [text for text in found if text])


def _cross_entropy(model: keras.Model) -> Callable:
    last = model.layers[-1]
    normal = getattr(last, "activation", None) in ENDS or isinstance(last, keras.layers.Softmax)

    def loss(labels, outputs):
        return ops.sparse_categorical_crossentropy(labels, outputs, from_logits=not normal)

    return loss
