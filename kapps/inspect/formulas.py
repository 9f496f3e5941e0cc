"""How the numbers of a layer come about, spelled out as one computes them by hand."""

from typing import Any

import keras
from keras import layers

from kapps.inspect.receptive import pair, sides_of

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.Conv2DTranspose)
POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)


def window(layer: keras.layers.Layer) -> dict[str, Any]:
    """Kernel, strides, padding, dilation and filters of a layer that slides over a map."""
    if isinstance(layer, CONVOLUTIONS):
        kernel, dilation = layer.kernel_size, tuple(layer.dilation_rate)
    elif isinstance(layer, POOLS):
        kernel, dilation = layer.pool_size, (1, 1)
    else:
        return {"filters": layer.units} if isinstance(layer, layers.Dense) else {}
    own = {} if isinstance(layer, POOLS) else {"filters": layer.output.shape[_axis(layer)]}
    return {
        "kernel": tuple(kernel),
        "strides": pair(layer.strides),
        "padding": layer.padding,
        "dilation": dilation,
        **own,
    }


def params(layer: keras.layers.Layer) -> str:
    """Such as "(3x3x64 + 1) x 128 = 73,856"."""
    count = layer.count_params()
    if not count:
        return ""
    bias = " + 1" if getattr(layer, "use_bias", False) else ""
    if isinstance(layer, layers.DepthwiseConv2D):
        high, wide, channels, multiplier = layer.kernel.shape
        text = f"({high}x{wide}{bias}) x {channels * multiplier}"
    elif isinstance(layer, CONVOLUTIONS):
        high, wide, *others = layer.kernel.shape
        others = others[::-1] if isinstance(layer, layers.Conv2DTranspose) else others
        text = f"({high}x{wide}x{others[0]}{bias}) x {others[1]}"
    elif isinstance(layer, layers.Dense):
        rows, columns = layer.kernel.shape
        text = f"({rows:,}{bias}) x {columns:,}"
    elif isinstance(layer, layers.BatchNormalization):
        text = f"{count // layer.moving_mean.shape[0]} x {layer.moving_mean.shape[0]}"
    else:
        shapes = ["x".join(map(str, weight.shape)) or "1" for weight in layer.weights]
        text = " + ".join(shapes)
    return f"{text} = {count:,}"


def size(layer: keras.layers.Layer) -> str:
    """Such as "(227 + 2x0 - 11) / 4 + 1 = 55" of the height; of both where they differ."""
    how = window(layer)
    if "kernel" not in how or isinstance(layer, layers.Conv2DTranspose):
        return ""
    before, after = sides_of(layer, layer.input.shape), sides_of(layer, layer.output.shape)
    if None in before:
        return ""
    reach = [(k - 1) * d + 1 for k, d in zip(how["kernel"], how["dilation"], strict=True)]
    texts = [
        one_side(*values, how["padding"])
        for values in zip(before, reach, how["strides"], after, strict=True)
    ]
    return " by ".join(dict.fromkeys(texts))


def one_side(side: int, reach: int, stride: int, result: int, padding: str) -> str:
    """How one side of a map comes about behind a window of `reach` pixels."""
    if padding == "same":
        return f"ceil({side} / {stride}) = {result}"
    exact = (side - reach) % stride == 0
    fraction = f"({side} - {reach}) / {stride}"
    return f"{fraction} + 1 = {result}" if exact else f"floor({fraction}) + 1 = {result}"


def _axis(layer: keras.layers.Layer) -> int:
    return -1 if layer.data_format == "channels_last" else 1
