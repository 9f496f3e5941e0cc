"""What is done to a Keras model before conversion: float32, channels last, cheap normalisation.

Runs in the child process, on TensorFlow.
"""

import dataclasses
from typing import Any

from kapps.errors import ExportError
from kapps.export.source import load_reason


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


def load(path: str):
    """Load a .keras file without its optimizer.

    Raises:
        ExportError: the file needs a layer that this process cannot import.
    """
    import keras

    import kapps.layers  # noqa: F401  registers the layers of kapps

    try:
        return keras.saving.load_model(path, compile=False)
    except (TypeError, ValueError, OSError) as error:
        reason = load_reason(error)
        raise ExportError(f"{path} could not be loaded on TensorFlow: {reason}") from error


def prepare(model):
    """The model in float32 and channels_last; rebuilt only where it is not.

    Returns:
        (model, notes): the notes name what was rebuilt.

    Raises:
        ExportError: the model is already quantised, or cannot be rebuilt.
    """
    layers = list(all_layers(model))
    policies = {layer.dtype_policy.name: layer.dtype_policy for layer in layers}.values()
    quantised = [p.name for p in policies if getattr(p, "quantization_mode", None)]
    if quantised:
        raise ExportError(
            f"this model was quantised by Keras ({quantised[0]}); export the model from before"
            " `model.quantize` and let `--quantize` do it."
        )
    notes, edits = [], []
    if any(p.compute_dtype != "float32" or p.variable_dtype != "float32" for p in policies):
        names = sorted({p.name for p in policies} - {"float32"})
        notes.append(f"rebuilt in float32 from {', '.join(names)}")
        edits.append(_float32)
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in layers):
        notes.append("rebuilt in channels_last from channels_first")
        edits.append(_channels_last)
    return (_rebuilt(model, edits), notes) if edits else (model, notes)


def all_layers(model):
    """Every layer, those of nested models included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)


def _rebuilt(model, edits):
    """The model made again from its own configuration after edits, with the same weights."""
    import keras

    config = keras.saving.serialize_keras_object(model)
    for edit in edits:
        config = edit(config)
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    try:
        result = keras.saving.deserialize_keras_object(config)
        result.set_weights(model.get_weights())
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExportError(
            "this model cannot be rebuilt in float32 with channels_last"
            f" ({first}); build it so, load its weights, and export that."
        ) from error
    return result


def _float32(config):
    """The configuration with every dtype policy and floating cast replaced by float32."""
    low = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16", "float64")
    if isinstance(config, list | tuple):
        return [_float32(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return "float32"
    return {
        key: "float32" if key == "dtype" and value in low else _float32(value)
        for key, value in config.items()
    }


def _channels_last(config):
    """The configuration with images as height, width, channels.

    Layers that name an axis or a shape (concatenate, normalisation, reshape, padding) are
    translated too. What cannot be is found by verification: the outputs would differ.
    """
    if isinstance(config, list | tuple):
        return [_channels_last(item) for item in config]
    if not isinstance(config, dict):
        return config
    result = {key: _channels_last(value) for key, value in config.items()}
    if result.get("data_format") == "channels_first":
        result["data_format"] = "channels_last"
    kind, inner = config.get("class_name"), result.get("config")
    if isinstance(inner, dict):
        if kind == "InputLayer":
            for key in ("batch_shape", "shape"):
                if len(inner.get(key) or ()) == 4:
                    batch, channels, *space = inner[key]
                    inner[key] = [batch, *space, channels]
        axis = inner.get("axis")
        if kind in ("BatchNormalization", "Concatenate", "GroupNormalization", "Softmax"):
            inner["axis"] = -1 if axis in (1, [1], -3, [-3]) else axis
    if "build_config" in result:
        del result["build_config"]
    return result


def input_shape(model, size: list[int] | None, batch_size: int) -> tuple[int, ...]:
    """(batch, height, width, channels) of the converted model.

    Raises:
        ExportError: more than one input, not an image, or no size known.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ExportError(
            f"this model takes {shape}; expected one image input (batch, height, width, channels)."
        )
    height, width = shape[1] or (size and size[0]), shape[2] or (size and size[1])
    if not height or not width or not shape[3]:
        raise ExportError(
            f"the input shape {shape} leaves the image size open; build the model with a fixed"
            " input_shape, for example (224, 224, 3)."
        )
    return (batch_size, height, width, shape[3])


def fold_normalization(model, mode: str):
    """Take the image normalisation out of the graph as far as that is exact.

    - "int8": the affine quantisation of the input is (x - zero_point) * scale already. A mean such
      as 127.5 is no zero point; 127 is used and the half level left over, a constant, is added to
      what follows the convolution, which is exact except where its window overlaps zero padding.
    - "float32": a division before a convolution is the same as dividing its kernel, and a
      subtraction the same as adding a constant behind it, if the padding before it (no 'same') is
      filled with the mean in place of zero.
    - else: the division only. Kernels of few bits round less where the pixels have mean zero.

    Returns:
        (model, Scaling): the model to convert, and what an image goes through before it.
    """
    import keras
    import numpy as np

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs)
    if not hasattr(model, "_nodes_by_depth"):  # a subclass of keras.Model: no graph to look at
        return model, Scaling()
    layer = _first_rescaling(model)
    if layer is None:
        return model, Scaling()
    channels = model.input_shape[-1]
    scale = np.broadcast_to(np.asarray(layer.scale, "float64").ravel(), (channels,))
    offset = np.broadcast_to(np.asarray(layer.offset, "float64").ravel(), (channels,))
    if np.any(scale == 0):
        return model, Scaling()
    mean = -offset / scale
    stem = _stem(model, layer)
    zero = float(np.ceil(mean[0] - 0.5 - 1e-6)) + 0.0  # 127 for a mean of 127.5; never -0
    shift = (zero - mean) * scale  # what the zero point leaves over, in normalised units
    one_scale = np.ptp(scale) <= 1e-9 * abs(scale[0]) and scale[0] > 0
    near = np.all(np.abs(zero - mean) <= 0.5 + 1e-6) and 0 <= zero <= 255
    exact = np.allclose(shift, 0, atol=1e-7)
    if mode == "int8" and near and one_scale and (exact or (stem and stem.can_shift)):
        if not exact:
            stem.add(shift)
        how = f"none in the graph: scale {scale[0]:.6g}, zero point {zero:g} of the uint8 input"
        return _without(model, layer), Scaling(float(scale[0]), zero, how)
    if stem is None:
        return model, Scaling()
    kernel = np.asarray(stem.conv.kernel)
    stem.conv.kernel.assign(kernel * scale.astype("float32")[None, None, :, None])
    if np.allclose(mean, 0):
        return _without(model, layer), Scaling(how="the kernel of the first convolution")
    one_mean = np.ptp(mean) <= 1e-6
    fills = not stem.paddings or (one_mean and len(stem.paddings) == 1)
    if mode == "float32" and stem.can_shift and stem.no_zeros and fills:
        stem.add(-mean)
        how = "none in the graph: the kernel and the constants of the first convolution"
        if not stem.paddings:
            return _without(model, layer), Scaling(how=how)
        around = [(0, 0), *stem.paddings[0].padding, (0, 0)]
        rest = _without(model, stem.paddings[0])
        image = keras.Input(batch_shape=model.input_shape, name="image")
        filled = keras.ops.pad(image, around, constant_values=float(mean[0]))
        return keras.Model(image, rest(filled)), Scaling(how=how)
    rest = _without(model, layer)
    image = keras.Input(batch_shape=model.input_shape, name="image")
    # One number is subtracted several times faster than a number for each of three channels.
    offset = -float(mean[0]) if one_mean else (-mean).tolist()
    centred = keras.layers.Rescaling(1.0, offset, dtype="float32")(image)
    how = "one subtraction; the division is in the kernel of the first convolution"
    return keras.Model(image, rest(centred)), Scaling(how=how)


def _first_rescaling(model):
    """The Rescaling layer right after the only input, if it is the input's only reader."""
    import keras

    if len(getattr(model, "inputs", None) or ()) != 1:
        return None
    readers = _readers(model, model.inputs[0])
    if len(readers) == 1 and isinstance(readers[0], keras.layers.Rescaling):
        return readers[0]
    return None


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
    def no_zeros(self) -> bool:
        """Whether the convolution itself pads nothing."""
        return self.conv.padding == "valid"

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
    if len(readers) != 1 or type(readers[0]) is not keras.layers.Conv2D:
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


def _without(model, layer):
    """The model that begins with what `layer` gives."""
    import keras

    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return keras.Model(_output(model, layer), outputs)
