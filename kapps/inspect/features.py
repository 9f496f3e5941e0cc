"""What a convolution looks for, and what it finds: its filters and its maps."""

import keras
import numpy as np
from keras import ops

from kapps.inspect import running
from kapps.inspect.score import Score


def filters(model: keras.Model, layer: str) -> np.ndarray:
    """The kernel of a convolution.

    Args:
        model: with the layer.
        layer: its name.

    Returns:
        float32 (filters, height, width, channels that each sees).

    Raises:
        ValueError: there is no such layer, or it is no convolution.
    """
    found = running.find(model, layer)
    kernel = getattr(found, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise ValueError(f"layer {layer!r} is a {type(found).__name__}; name a convolution")
    values = ops.convert_to_numpy(kernel).astype("float32")
    if isinstance(found, keras.layers.DepthwiseConv2D):  # each filter sees a channel
        return values.reshape(*values.shape[:2], 1, -1).transpose(3, 0, 1, 2)
    if isinstance(found, keras.layers.Conv2DTranspose):
        values = values.transpose(0, 1, 3, 2)
    return values.transpose(3, 0, 1, 2)


def activation_maps(model: keras.Model, images: np.ndarray, layer: str) -> np.ndarray:
    """What a layer says about images, place by place.

    Args:
        model: functional, with one image input.
        images: as the model takes them.
        layer: whose output is a map of the image, or has a token for each patch.

    Returns:
        float32 (batch, height, width, channels) of the layer's map.

    Raises:
        ValueError: there is no such layer, or it gives no map.
    """
    return Score(model, images).map_of(layer)
