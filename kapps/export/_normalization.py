"""The image normalisation taken out of the graph as far as that is exact.

Runs in the child process, on TensorFlow.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How an image in 0..255 becomes what the converted graph takes: (x - zero_point) * scale."""

    scale: float = 1.0
    zero_point: float = 0.0
    how: str = "as the model has it"

    def apply(self, images):
        """The same, in numpy (float32)."""
        return (images - self.zero_point) * self.scale

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)


@contextlib.contextmanager
def folded(model, mode: str) -> Iterator[tuple[Any, Scaling]]:
    """Take the image normalisation out of the graph as far as that is exact, for a while.

    - "int8": the affine quantisation of the input is (x - zero_point) * scale already. A mean such
      as 127.5 is no zero point; 127 is used and the half level left over, a constant, is added to
      what follows the convolution, which is exact except where its window overlaps zero padding.
    - "float32": a division before a convolution is the same as dividing its kernel, and a
      subtraction the same as adding a constant behind it, if the padding before it (no 'same') is
      filled with the mean in place of zero.
    - else: the division only. Kernels of few bits round less where the pixels have mean zero.

    Yields:
        (model, Scaling): the model to convert, and what an image goes through before it; of one
        model, equal scalings are equal graphs. It shares its layers with the given model, whose
        weights are afterwards what they were.
    """
    import keras

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs)
    first = _normalization(model)
    if first is None:
        yield model, Scaling()
        return
    before = first.stem.values() if first.stem else []
    try:
        yield _fold(first, mode)
    finally:
        for variable, value in before:
            variable.assign(value)


def _fold(first, mode: str):
    """The model and its scaling in one of these ways."""
    if mode == "int8" and (done := _into_quantisation(first)):
        return done
    if first.stem is None:
        return first.model, Scaling()
    first.stem.multiply(first.scale)
    return (mode == "float32" and _into_constants(first)) or _centred(first)


def _into_quantisation(first):
    """Scale and mean as those of the quantised input; None where they are no such numbers."""
    import numpy as np

    scale, mean = first.scale, first.mean
    zero = float(np.ceil(mean[0] - 0.5 - 1e-6)) + 0.0  # 127 for a mean of 127.5; never -0
    one_scale = np.ptp(scale) <= 1e-9 * abs(scale[0]) and scale[0] > 0
    near = np.all(np.abs(zero - mean) <= 0.5 + 1e-6) and 0 <= zero <= 255
    left_over = (zero - mean) * scale
    exact = np.allclose(left_over, 0, atol=1e-7)
    if not (one_scale and near and (exact or (first.stem and first.stem.can_shift))):
        return None
    if not exact:
        first.stem.add(left_over)
    how = f"none in the graph: scale {scale[0]:.6g}, zero point {zero:g} of the uint8 input"
    return _from(first.model, first.layer), Scaling(float(scale[0]), zero, how)


def _into_constants(first):
    """The mean as a constant behind the convolution; None where its padding forbids that."""
    import keras

    stem, paddings = first.stem, first.stem.paddings
    filled = not paddings or (first.one_mean and len(paddings) == 1)
    if not (stem.can_shift and stem.pads_nothing and filled):
        return None
    stem.add(-first.mean)
    scaling = Scaling(how="none in the graph: the kernel and the constants of the convolution")
    if not paddings:
        return _from(first.model, first.layer), scaling
    around = [(0, 0), *paddings[0].padding, (0, 0)]
    image = keras.Input(batch_shape=first.model.input_shape, name="image")
    padded = keras.ops.pad(image, around, constant_values=float(first.mean[0]))
    return keras.Model(image, _from(first.model, paddings[0])(padded)), scaling


def _centred(first):
    """The mean subtracted from the image, if it is not zero."""
    import keras
    import numpy as np

    rest = _from(first.model, first.layer)
    if np.allclose(first.mean, 0):
        return rest, Scaling(how="the kernel of the first convolution")
    image = keras.Input(batch_shape=first.model.input_shape, name="image")
    # One number is subtracted several times faster than a number for each of three channels.
    offset = -float(first.mean[0]) if first.one_mean else (-first.mean).tolist()
    centred = keras.layers.Rescaling(1.0, offset, dtype="float32")(image)
    how = "one subtraction; the division is in the kernel of the first convolution"
    return keras.Model(image, rest(centred)), Scaling(how=how)


@dataclasses.dataclass(frozen=True)
class _Normalization:
    """The first layer of a model, a Rescaling: (pixel - mean) * scale, float64 [channels]."""

    model: Any
    layer: Any
    scale: Any
    mean: Any
    stem: Any  # _Stem, or None

    @property
    def one_mean(self) -> bool:
        """Whether all channels have the same mean."""
        return max(self.mean) - min(self.mean) <= 1e-6


def _normalization(model) -> _Normalization | None:
    """The normalisation of a model that begins with one, if nothing else reads the image."""
    import keras
    import numpy as np

    # A subclass of keras.Model has no graph to look at.
    if not hasattr(model, "_nodes_by_depth") or len(model.inputs or ()) != 1:
        return None
    readers = _readers(model, model.inputs[0])
    if len(readers) != 1 or not isinstance(readers[0], keras.layers.Rescaling):
        return None
    layer = readers[0]
    channels = (model.input_shape[-1],)
    scale, offset = (
        np.broadcast_to(np.asarray(value, "float64").ravel(), channels)
        for value in (layer.scale, layer.offset)
    )
    if np.any(scale == 0):
        return None
    return _Normalization(model, layer, scale, -offset / scale, _stem(model, layer))


def _readers(model, tensor) -> list:
    """The layers of this very model that read `tensor`; layers may have been called elsewhere."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    return [n.operation for n in nodes if any(x is tensor for x in n.input_tensors)]


def _output(model, layer):
    """What `layer` gives in this model, or None if it is called more than once in it."""
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    outputs = [n.output_tensors[0] for n in nodes if n.operation is layer]
    return outputs[0] if len(outputs) == 1 else None


@dataclasses.dataclass(frozen=True)
class _Stem:
    """The plain convolution that alone reads an image, its padding layers, its normalisation."""

    conv: Any
    norm: Any  # or None
    paddings: tuple[Any, ...]

    @property
    def can_shift(self) -> bool:
        """Whether a constant can be added to what the convolution gives."""
        return self.conv.use_bias or self.norm is not None

    @property
    def pads_nothing(self) -> bool:
        """Whether the convolution itself pads nothing."""
        return self.conv.padding == "valid"

    def values(self) -> list[tuple[Any, Any]]:
        """What the methods below change: variables with copies of their values, numpy."""
        import keras
        import numpy as np

        layers = (self.conv, self.norm) if self.norm is not None else (self.conv,)
        variables = [variable for layer in layers for variable in layer.variables]
        return [(v, np.array(keras.ops.convert_to_numpy(v))) for v in variables]

    def multiply(self, scale) -> None:
        """Do to the kernel what a factor `scale` of the input channels would do."""
        import numpy as np

        factor = scale.astype("float32")[None, None, :, None]
        self.conv.kernel.assign(np.asarray(self.conv.kernel) * factor)

    def add(self, shift) -> None:
        """Add to the output what a constant `shift` of the input channels would give."""
        import numpy as np

        constant = np.einsum("hwio,i->o", np.asarray(self.conv.kernel, "float64"), shift)
        if self.conv.use_bias:
            self.conv.bias.assign(np.asarray(self.conv.bias) + constant)
        else:
            self.norm.moving_mean.assign(np.asarray(self.norm.moving_mean) - constant)


def _stem(model, layer) -> _Stem | None:
    """The stem when a plain convolution is all that reads `layer`."""
    import keras

    paddings = []
    readers = _readers(model, _output(model, layer))
    while len(readers) == 1 and isinstance(readers[0], keras.layers.ZeroPadding2D):
        paddings.append(readers[0])
        readers = _readers(model, _output(model, readers[0]))
    if len(readers) != 1 or not isinstance(readers[0], keras.layers.Conv2D):
        return None
    conv = readers[0]
    output = _output(model, conv)
    if conv.groups != 1 or conv.data_format != "channels_last" or output is None:
        return None
    after = _readers(model, output)
    norm = after[0] if len(after) == 1 else None
    linear = conv.activation is keras.activations.linear
    if not linear or not isinstance(norm, keras.layers.BatchNormalization):
        norm = None
    return _Stem(conv, norm, tuple(paddings))


def _from(model, layer):
    """The model that begins with what `layer` gives."""
    import keras

    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return keras.Model(_output(model, layer), outputs)
