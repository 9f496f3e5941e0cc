"""Receptive fields: which pixels of the image a position of a feature map can depend on.

A convolution or pooling with kernel k, stride s, dilation d and p pixels of padding before it sees

    extent:  r_out = r_in + (k - 1) d j_in        jump:  j_out = j_in s
    first pixel:  a_out = a_in - p j_in

where the jump is the distance in pixels of neighbours in the map. Where paths meet, the field is
the union of theirs. Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional
Neural Networks", Distill, 2019.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import layers

from kapps.inspect import running

Pair = tuple[float, float]  # of the vertical and the horizontal axis

WINDOWS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)


@dataclass(frozen=True)
class Field:
    """What the position (0, 0) of a map sees; position (i, j) sees as much, i and j jumps further.

    Attributes:
        first: the first pixel that it sees, below 0 where that is padding.
        extent: how many pixels it sees in a row; `math.inf` for the whole image.
        jump: pixels between neighbours in the map.
        context: whether something computed from the whole image, such as the gate of squeeze and
            excitation, scales it too.
        windowed: whether its neighbours are those of a window of tokens.
    """

    first: Pair = (0.0, 0.0)
    extent: Pair = (1.0, 1.0)
    jump: Pair = (1.0, 1.0)
    context: bool = False
    windowed: bool = False

    @property
    def everywhere(self) -> bool:
        """Whether it sees the whole image."""
        return math.inf in self.extent

    @property
    def centre(self) -> Pair | None:
        """The middle of what position (0, 0) sees, in pixels; None where that is everything."""
        if self.everywhere:
            return None
        return tuple(a + (r - 1) / 2 for a, r in zip(self.first, self.extent, strict=True))


EVERYTHING = Field((0.0, 0.0), (math.inf, math.inf), (math.inf, math.inf))


def receptive_fields(model: keras.Model, start: Field | None = None) -> dict[str, Field]:
    """The receptive field of each layer of a functional model.

    Attention and dense layers over all positions see everything. A map that a gate of the whole
    image multiplies keeps its own field and says so in `context`.

    Args:
        model: with one image input of known height and width.
        start: the field of its input, where it is a part of another model.

    Returns:
        Layer name -> field of its (first) output; of a layer that is called several times, of the
        last call.
    """
    model = running.inner(model)
    found: dict[str, Field] = {}
    of: dict[int, Field] = {id(tensor): start or Field() for tensor in model.inputs}
    by_depth: Mapping[int, list] = model._nodes_by_depth  # Keras has no public word for the graph
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            operation = node.operation
            if not node.input_tensors:
                found[operation.name] = of.get(id(node.output_tensors[0]), start or Field())
                continue
            fields = [of[id(tensor)] for tensor in node.input_tensors if id(tensor) in of]
            field = _through(operation, fields, node)
            for tensor in node.output_tensors:
                of[id(tensor)] = field
            found[operation.name] = field
    return found


def _through(operation: Any, fields: list[Field], node) -> Field:
    """The field behind an operation on values with `fields`."""
    if hasattr(running.inner(operation), "_nodes_by_depth"):
        inner = receptive_fields(operation, fields[0])
        return inner[operation.outputs[0]._keras_history.operation.name]
    if len(fields) > 1:
        return union(fields, [tensor.shape for tensor in node.input_tensors])
    if not fields:
        return EVERYTHING
    field, shape = fields[0], node.input_tensors[0].shape
    if field.everywhere:
        return field
    if isinstance(operation, layers.Conv2DTranspose):
        strides = pair(operation.strides)
        reads = [math.ceil(k / s) for k, s in zip(operation.kernel_size, strides, strict=True)]
        return spread(field, strides, reads)
    if isinstance(operation, WINDOWS):
        how = operation.strides, operation.padding, operation.dilation_rate
        return _slid(field, operation, shape, operation.kernel_size, *how)
    if isinstance(operation, POOLS):
        how = operation.strides, operation.padding
        return _slid(field, operation, shape, operation.pool_size, *how)
    if isinstance(operation, layers.ZeroPadding2D):
        return moved(field, [-before for before, _ in operation.padding])
    if isinstance(operation, layers.Cropping2D):
        return moved(field, [before for before, _ in operation.cropping])
    if isinstance(operation, layers.UpSampling2D):
        reads = 1 if operation.interpolation == "nearest" else 2
        return spread(field, operation.size, pair(reads))
    own = getattr(operation, "receptive_field", None)  # of a layer that knows it
    if own is not None:
        kernel, strides, before = own()
        return windowed(field, kernel, strides, before)
    return _reshaped(field, operation, shape, node.output_tensors[0].shape)


def _reshaped(field: Field, operation: Any, before: tuple, after: tuple) -> Field:
    """Behind an operation that only its class and shapes tell about."""
    if isinstance(operation, GLOBAL):
        return EVERYTHING
    if window := getattr(operation, "window", None):  # of tokens that see each other
        if field.windowed:  # put together again
            return replace(field, windowed=False)
        reach = tuple(size - 1 for size in window)
        wide = windowed(field, [2 * r + 1 for r in reach], (1, 1), reach)
        return replace(wide, windowed=True)
    if "attention" in type(operation).__name__.lower():
        return field if field.windowed else EVERYTHING
    if field.windowed:
        return field
    if len(before) == 4 and len(after) == 4:
        first, last = sides_of(operation, before), sides_of(operation, after)
        if None in (*first, *last) or first == last:
            return field
        scale = [b / a for a, b in zip(first, last, strict=True)]
        if max(scale) >= 1:  # a resize: a bilinear one reads two neighbours
            return spread(field, scale, (2, 2))
        return EVERYTHING if last == (1, 1) else field
    if len(after) == 2 and len(before) > 2 and math.prod(filter(None, before[1:-1])) > 1:
        return EVERYTHING  # flattened, or pooled over tokens
    return field


def union(fields: list[Field], shapes: list[tuple]) -> Field:
    """Of values of these shapes that meet: added, joined, multiplied."""
    local = [field for field in fields if not field.everywhere]
    gates = len(local) < len(fields)
    if not local:
        return EVERYTHING
    if gates and not _only_gates(fields, shapes):
        return EVERYTHING
    jumps = {field.jump for field in local}
    first = tuple(min(field.first[i] for field in local) for i in (0, 1))
    last = tuple(max(field.first[i] + field.extent[i] for field in local) for i in (0, 1))
    return Field(
        first,
        tuple(b - a for a, b in zip(first, last, strict=True)),
        tuple(min(jump[i] for jump in jumps) for i in (0, 1)),
        context=gates or any(field.context for field in local),
        windowed=any(field.windowed for field in local),
    )


def _only_gates(fields: list[Field], shapes: list[tuple]) -> bool:
    """Whether all that comes from the whole image is one number a channel, not a map."""
    for field, shape in zip(fields, shapes, strict=False):
        if field.everywhere and math.prod(side or 2 for side in shape[1:]) > max(
            side or 1 for side in shape[1:]
        ):
            return False
    return True


def _slid(field, layer, shape, kernel, strides, padding, dilation=(1, 1)) -> Field:
    reach = [(k - 1) * d + 1 for k, d in zip(pair(kernel), pair(dilation), strict=True)]
    strides = pair(strides)
    before = [0, 0]
    if padding == "same":
        sides = sides_of(layer, shape)
        before = [zeros_before(*values) for values in zip(sides, reach, strides, strict=True)]
    return windowed(field, reach, strides, before)


def zeros_before(side: int | None, reach: int, stride: int) -> int:
    """Zeros before the first pixel: TensorFlow puts the odd one behind the last."""
    if side is None:
        return (reach - 1) // 2
    return max((math.ceil(side / stride) - 1) * stride + reach - side, 0) // 2


def windowed(field: Field, reach, strides, before) -> Field:
    """Behind a window of `reach` pixels, with so many zeros before the first one."""
    jump = field.jump
    return replace(
        field,
        first=tuple(field.first[i] - before[i] * jump[i] for i in (0, 1)),
        extent=tuple(field.extent[i] + (reach[i] - 1) * jump[i] for i in (0, 1)),
        jump=tuple(jump[i] * strides[i] for i in (0, 1)),
    )


def moved(field: Field, by) -> Field:
    """Of a map whose first position is another, `by` positions further."""
    first = tuple(field.first[i] + by[i] * field.jump[i] for i in (0, 1))
    return replace(field, first=first)


def spread(field: Field, scale, neighbours) -> Field:
    """Behind a layer whose map is `scale` times as large; each position reads so many neighbours
    of the small one."""
    return replace(
        field,
        extent=tuple(field.extent[i] + (neighbours[i] - 1) * field.jump[i] for i in (0, 1)),
        jump=tuple(field.jump[i] / scale[i] for i in (0, 1)),
    )


def sides_of(layer: Any, shape: tuple) -> tuple[int | None, int | None]:
    """Height and width in a shape of four axes."""
    first = getattr(layer, "data_format", None) or keras.config.image_data_format()
    return tuple(shape[1:3] if first == "channels_last" else shape[2:4])


def pair(value) -> tuple:
    """What a layer says of height and width, which may be one number."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)
