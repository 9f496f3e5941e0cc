"""The table of a model's layers, with what each costs."""

import math
from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True)
class LayerRow:
    """One layer: name, class, output shape (batch first), parameters, multiply-accumulates."""

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    params: int
    macs: int


def layer_table(model: keras.Model, size: int | None = None) -> list[LayerRow]:
    """Every layer of a functional model in the order of the graph.

    Args:
        model: with one image input.
        size: height and width in pixels at which to count, where the model leaves them open.

    Raises:
        ValueError: the model leaves height or width open and `size` is not given.
    """
    if None in model.inputs[0].shape[1:]:
        if size is None:
            raise ValueError(
                f"model {model.name!r} takes images of any size; give size= to count operations"
            )
        model = _at_size(model, size)
    if any(getattr(layer, "regroups", False) for layer in model.layers):
        # Rows are windows of images in some layers, so that there must be a number of images.
        model = _on(model, (1, *model.inputs[0].shape[1:]))
    rows = []
    for layer in model.layers:
        shape = layer.output.shape if not isinstance(layer.output, list) else layer.output[0].shape
        rows.append(
            LayerRow(
                layer.name, type(layer).__name__, tuple(shape), layer.count_params(), _macs(layer)
            )
        )
    return rows


def count_macs(model: keras.Model, size: int | None = None) -> int:
    """Multiply-accumulates for one image in convolutions and products of matrices.

    Normalisations, activations and additions are not counted, as in the papers.
    """
    return sum(row.macs for row in layer_table(model, size))


def _at_size(model: keras.Model, size: int) -> keras.Model:
    """The same layers on an input of known size."""
    channels_last = keras.config.image_data_format() == "channels_last"
    channels = model.inputs[0].shape[-1 if channels_last else 1]
    shape = (size, size, channels) if channels_last else (channels, size, size)
    return _on(model, (None, *shape))


def _on(model: keras.Model, batch_shape: tuple[int | None, ...]) -> keras.Model:
    """The same layers on an input of that shape."""
    image = keras.Input(batch_shape=batch_shape)
    inputs = [image] if isinstance(model.input, list) else image
    return keras.models.clone_model(model, input_tensors=inputs)


def _macs(layer: keras.layers.Layer) -> int:
    if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D):
        # Each output of a convolution reads its receptive field once: kernel elements x positions.
        channels_last = layer.data_format == "channels_last"
        positions = layer.output.shape[1:3] if channels_last else layer.output.shape[2:4]
        return math.prod(layer.kernel.shape) * math.prod(positions)
    if isinstance(layer, layers.Dense):
        rows, *positions, _ = layer.output.shape
        return math.prod(layer.kernel.shape) * math.prod(positions) * (rows or 1)
    # A layer with products of its own (attention) says what they cost.
    return layer.macs() if hasattr(layer, "macs") else 0
