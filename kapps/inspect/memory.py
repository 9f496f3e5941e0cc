"""What a model needs in memory: to answer, and to be trained."""

import math
from dataclasses import dataclass

import keras

from kapps.inspect.layers import fixed

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}  # of a number of an activation


@dataclass(frozen=True)
class Memory:
    """Bytes, by arithmetic: what a framework keeps for itself comes on top.

    Attributes:
        weights: all variables in float32; mixed precision keeps them so.
        activations: of inference, the most that lives at one time, when a value is let go after
            its last reader; of training, the output of every layer, which the backward pass reads.
        gradients: of what is trained.
        optimizer: what it remembers of each weight.
    """

    weights: int
    activations: int
    gradients: int = 0
    optimizer: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.activations + self.gradients + self.optimizer


def inference_memory(
    model: keras.Model, batch_size: int = 1, precision: str = "float32", size: int | None = None
) -> Memory:
    """Of answering for a batch.

    Args:
        model: functional, with one image input.
        batch_size: images at a time.
        precision: of the activations: "float32", "bfloat16" or "float16".
        size: pixels, where the model leaves height and width open.

    Raises:
        ValueError: such numbers are not possible.
    """
    number = _checked(batch_size, precision)
    model = fixed(model, size)
    readers: dict[int, int] = {}
    nodes = _nodes(model)
    for node in nodes:
        for tensor in node.input_tensors:
            readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    for tensor in model.outputs:
        readers[id(tensor)] = readers.get(id(tensor), 0) + 1
    alive = peak = 0
    for node in nodes:
        alive += sum(_numbers(tensor) for tensor in node.output_tensors)
        peak = max(peak, alive)
        for tensor in node.input_tensors:
            readers[id(tensor)] -= 1
            if not readers[id(tensor)]:
                alive -= _numbers(tensor)
    return Memory(4 * model.count_params(), peak * number * batch_size)


def training_memory(
    model: keras.Model,
    batch_size: int = 32,
    precision: str = "float32",
    slots: int = 2,
    size: int | None = None,
) -> Memory:
    """Of a training step.

    Args:
        model, batch_size, precision, size: see `inference_memory`.
        slots: numbers that the optimiser keeps of each weight: 2 of Adam, 1 of SGD with momentum.

    Raises:
        ValueError: such numbers are not possible.
    """
    number = _checked(batch_size, precision)
    model = fixed(model, size)
    made = sum(_numbers(tensor) for node in _nodes(model) for tensor in node.output_tensors)
    trained = 4 * sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Memory(4 * model.count_params(), made * number * batch_size, trained, slots * trained)


def _checked(batch_size: int, precision: str) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not possible; give 1 or more.")
    if precision not in BYTES:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(BYTES)}.")
    return BYTES[precision]


def _nodes(model: keras.Model) -> list:
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def _numbers(tensor) -> int:
    """Of one image."""
    return math.prod(side or 1 for side in tensor.shape)
