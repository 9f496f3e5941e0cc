"""What is done to a Keras model before conversion: float32, channels last, one kernel a sum.

Runs in the child process, on TensorFlow.
"""

from kapps.errors import ExportError
from kapps.export.source import load_reason
from kapps.layers import StandardizedConv2D, reparameterize

CHANNEL_AXIS = (  # layers whose `axis` is that of the channels in images
    "BatchNormalization",
    "Concatenate",
    "GlobalResponseNormalization",
    "GroupNormalization",
    "LayerScale",
    "LocalResponseNormalization",
    "Softmax",
)


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
    """The model in float32 and channels_last, in its form for inference.

    It is rebuilt only where it is not so.

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
    if any(isinstance(layer, StandardizedConv2D) for layer in layers):
        edits.append(_plain_kernels)
    model = _rebuilt(model, edits) if edits else model
    merged = reparameterize(model)
    if merged is not model:
        before, after = len(model.layers), len(merged.layers)
        notes.append(f"reparameterized: {before} layers became {after}")
    return merged, notes


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
        for before, after in zip(all_layers(model), all_layers(result), strict=True):
            if isinstance(before, StandardizedConv2D) and not isinstance(after, StandardizedConv2D):
                after.kernel.assign(before.standardized())
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

    Layers that name an axis or a shape (concatenate, normalisation, permute, reshape) are
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
        if kind in CHANNEL_AXIS and _takes_images(result):
            inner["axis"] = -1 if axis in (1, [1], -3, [-3]) else axis
        if kind == "Permute" and inner["dims"] in ([2, 3, 1], [3, 1, 2]):
            inner["dims"] = [1, 2, 3]  # from channels first to last, or back
        if kind == "Reshape" and inner["target_shape"][1:] == [1, 1]:
            inner["target_shape"].reverse()  # a number for each channel
    if "build_config" in result:
        del result["build_config"]
    return result


def _takes_images(layer) -> bool:
    """Whether the inputs of a layer's configuration have four axes, or may have them."""
    shape = layer.get("build_config", {}).get("input_shape") or ()
    first = shape[0] if shape and isinstance(shape[0], list) else shape
    return not first or len(first) == 4


def _plain_kernels(config):
    """The configuration with convolutions that hold what others standardise when they run."""
    if isinstance(config, list | tuple):
        return [_plain_kernels(item) for item in config]
    if not isinstance(config, dict):
        return config
    result = {key: _plain_kernels(value) for key, value in config.items()}
    if config.get("registered_name") == "kapps>StandardizedConv2D":
        result |= {"class_name": "Conv2D", "registered_name": "kapps>Conv2D"}
        del result["config"]["epsilon"]
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
