"""The table of a model's layers: shapes, costs, and what each position sees, with the formulas."""

import math
from dataclasses import dataclass

import keras
from keras import layers

from kapps.inspect import formulas, running
from kapps.inspect.receptive import receptive_fields


@dataclass(frozen=True)
class LayerRow:
    """One layer of a model, for one image.

    Attributes:
        name, kind: of the layer and its class.
        output_shape: batch first.
        params: weights, those that are not trained included. macs: multiply-accumulates.
        kernel, strides, dilation: along height and width; None where the layer slides over nothing.
        padding: "valid" or "same"; None likewise.
        filters: channels of its output; None where it has none of its own.
        activations: bytes of its output in float32.
        receptive_field: height and width in pixels of what one position sees; None for everything.
        jump: pixels between what neighbours see; None likewise.
        centre: (y, x) of the middle of what the first position sees, in pixels; None likewise.
        context: whether numbers computed from the whole image scale it besides.
        params_formula, size_formula: how the numbers come about, "" where nothing is to be told.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    params: int
    macs: int
    kernel: tuple[int, int] | None = None
    strides: tuple[int, int] | None = None
    padding: str | None = None
    dilation: tuple[int, int] | None = None
    filters: int | None = None
    activations: int = 0
    receptive_field: tuple[int, int] | None = None
    jump: tuple[float, float] | None = None
    centre: tuple[float, float] | None = None
    context: bool = False
    params_formula: str = ""
    size_formula: str = ""


def layer_table(model: keras.Model, size: int | None = None) -> list[LayerRow]:
    """Every layer of a functional model in the order of the graph.

    Args:
        model: with one image input.
        size: height and width in pixels at which to count, where the model leaves them open.

    Raises:
        ValueError: the model leaves height or width open and `size` is not given, or it is no
            functional model.
    """
    if not hasattr(running.inner(model), "_nodes_by_depth"):
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__} without a graph of layers; give a "
            "functional or sequential model that was built"
        )
    model = fixed(model, size)
    fields = receptive_fields(model)
    return [_row(layer, fields.get(layer.name)) for layer in model.layers]


def fixed(model: keras.Model, size: int | None = None) -> keras.Model:
    """The same layers on an input whose height and width are known.

    Args, Raises: see `layer_table`.
    """
    model = running.inner(model)
    if None in model.inputs[0].shape[1:]:
        if size is None:
            raise ValueError(
                f"model {model.name!r} takes images of any size; give size= to count operations"
            )
        model = _at_size(model, size)
    if any(getattr(layer, "regroups", False) for layer in model.layers):
        # Rows are windows of images in some layers, so that there must be a number of images.
        model = _on(model, (1, *model.inputs[0].shape[1:]))
    return model


def count_macs(model: keras.Model, size: int | None = None) -> int:
    """Multiply-accumulates for one image in convolutions and products of matrices.

    Normalisations, activations and additions are not counted, as in the papers. timm's table, by
    fvcore, has them 2 to 6 % higher for networks with many normalisations, of which it counts twice
    each number of a batch normalisation and five times each of a layer normalisation.
    """
    return sum(_macs(layer) for layer in fixed(model, size).layers)


def _row(layer: keras.layers.Layer, field) -> LayerRow:
    shape = tuple(keras.tree.flatten(layer.output)[0].shape)
    seen = field is not None and not field.everywhere
    return LayerRow(
        name=layer.name,
        kind=type(layer).__name__,
        output_shape=shape,
        params=layer.count_params(),
        macs=_macs(layer),
        activations=4 * math.prod(side or 1 for side in shape),
        receptive_field=tuple(round(r) for r in field.extent) if seen else None,
        jump=field.jump if seen else None,
        centre=field.centre if seen else None,
        context=seen and field.context,
        params_formula=formulas.params(layer),
        size_formula=formulas.size(layer),
        **formulas.window(layer),
    )


def _at_size(model: keras.Model, size: int) -> keras.Model:
    """The same layers on an input of known size."""
    channels_last = keras.config.image_data_format() == "channels_last"
    channels = model.inputs[0].shape[-1 if channels_last else 1]
    shape = (size, size, channels) if channels_last else (channels, size, size)
    return _on(model, (None, *shape))


def _on(model: keras.Model, batch_shape: tuple[int | None, ...]) -> keras.Model:
    """The same layers on an image of that shape, and on one of what may come in any number."""
    image = model.inputs[0]

    def fitting(x):
        if x is image:
            return keras.Input(batch_shape=batch_shape, name=x.name)
        sides = (side or 1 for side in x.shape[1:])
        return keras.Input(batch_shape=(batch_shape[0], *sides), dtype=x.dtype, name=x.name)

    inputs = keras.tree.map_structure(fitting, model.input)
    return keras.models.clone_model(model, input_tensors=inputs)


def _macs(layer: keras.layers.Layer) -> int:
    if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D):
        # Each output of a convolution reads its receptive field once: kernel elements x positions.
        channels_last = layer.data_format == "channels_last"
        rows, *sides = layer.output.shape
        positions = sides[:2] if channels_last else sides[1:]
        return math.prod(layer.kernel.shape) * math.prod(positions) * (rows or 1)
    if isinstance(layer, layers.Dense):
        rows, *positions, _ = layer.output.shape
        return math.prod(layer.kernel.shape) * math.prod(positions) * (rows or 1)
    # A layer with products of its own (attention) says what they cost.
    return layer.macs() if hasattr(layer, "macs") else 0
