"""Layers of a network that is told where to look: points, corners of boxes, and masks.

Source: Segment Anything (Kirillov et al., 2023, arXiv:2304.02643), appendix A, "Prompt encoder".
"""

import math

import keras
from keras import ops

from kapps.layers.initializers import RandomNormal, initializer

_register = keras.saving.register_keras_serializable(package="kapps")
KINDS = ("nothing", "beside", "on", "first_corner", "second_corner")  # of labels -1 to 3


@_register
class GridPlaces(keras.layers.Layer):
    """The middles of the places of a map, row by row, in shares of the image: x, then y.

    Args:
        height, width: of the map.

    Input: anything of a batch. Output: (batch, height * width, 2).
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, inputs):
        y = (ops.arange(self.height, dtype=self.compute_dtype) + 0.5) / self.height
        x = (ops.arange(self.width, dtype=self.compute_dtype) + 0.5) / self.width
        places = ops.stack([ops.tile(x, self.height), ops.repeat(y, self.width)], axis=-1)
        return ops.broadcast_to(places, (ops.shape(inputs)[0], *places.shape))

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], self.height * self.width, 2)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"height": self.height, "width": self.width}


@_register
class PixelShares(keras.layers.Layer):
    """Pixels (batch, P, 2), x and y, as shares of the image; a pixel is its middle; float32.

    Args:
        size: (height, width) of the image.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size = tuple(size)

    def call(self, inputs):
        return (inputs + 0.5) / ops.convert_to_tensor(self.size[::-1], self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"size": self.size}


@_register
class FourierPlaces(keras.layers.Layer):
    """Places as sines and cosines along random directions, which stay as they are; float32 inside.

    Source: Fourier Features Let Networks Learn High Frequency Functions (Tancik et al., 2020,
    arXiv:2006.10739), equation 5.

    Args:
        channels: of the output, an even number.

    Input: (batch, places, 2), shares of the image. Output: (batch, places, channels).
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})  # half a pixel is 1/2048
        self.channels = channels

    def build(self, input_shape):  # noqa: ARG002
        self.directions = self.add_weight(
            shape=(2, self.channels // 2),
            initializer=RandomNormal(stddev=1.0),
            trainable=False,
            dtype="float32",
            name="directions",
        )

    def call(self, inputs):
        places = 2 * ops.cast(inputs, "float32") - 1
        angles = 2 * math.pi * ops.matmul(places, self.directions)
        found = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.cast(found, self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:2], self.channels), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"channels": self.channels}


@_register
class PromptTokens(keras.layers.Layer):
    """Adds to each place what it is: a learnt vector for its label.

    Labels: 1, a point on the thing; 0, a point beside it; 2 and 3, the left top and the right
    bottom corner of a box around it; -1, nothing, whose place is left out.

    Inputs: places (batch, P, channels), labels (batch, P). Output: (batch, P, channels).
    """

    def build(self, input_shape):
        channels = input_shape[0][-1]
        self.kinds = [
            self.add_weight(
                shape=(1, channels), initializer=initializer("truncated_normal"), name=name
            )
            for name in KINDS
        ]

    def call(self, inputs):
        places, labels = inputs
        labels = ops.cast(labels, "int32")
        kinds = ops.cast(ops.concatenate(self.kinds, axis=0), self.compute_dtype)
        kind = ops.take(kinds, ops.clip(labels + 1, 0, len(KINDS) - 1), axis=0)
        return ops.where(labels[..., None] >= 0, places, 0.0) + kind

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)


@_register
class MaskOrNone(keras.layers.Layer):
    """What a mask says of each place, or the same learnt vector everywhere where there is no mask.

    Inputs: tokens (batch, places, channels) of masks, and the masks (batch, height, width) as
    logits, of which all are exactly zero where there is none. Output: as the tokens.
    """

    def build(self, input_shape):
        self.none = self.add_weight(
            shape=(1, input_shape[0][-1]),
            initializer=initializer("truncated_normal"),
            name="none",
        )

    def call(self, inputs):
        tokens, masks = inputs
        there = ops.any(ops.not_equal(masks, 0), axis=(1, 2))
        return ops.where(there[:, None, None], tokens, ops.cast(self.none, self.compute_dtype))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)


@_register
class TokenRows(keras.layers.Layer):
    """Some of the tokens: (batch, tokens, channels) -> (batch, stop - start, channels).

    Args:
        start, stop: 0 <= start < stop.
    """

    def __init__(self, start, stop, **kwargs):
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def call(self, inputs):
        rows = inputs[:, self.start : self.stop]
        # Where the number of prompts is not known in a trace, that of these rows is.
        return ops.reshape(rows, (-1, self.stop - self.start, *inputs.shape[2:]))

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], self.stop - self.start, *inputs.shape[2:])
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"start": self.start, "stop": self.stop}


@_register
class MaskProducts(keras.layers.Layer):
    """Masks by products of a vector each with the pixels of a map: (batch, M, channels) and
    (batch, height * width, channels) -> (batch, M, height, width), float32.

    Args:
        height, width: of the map.
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.height, self.width = height, width

    def call(self, inputs):
        vectors, pixels = inputs
        masks = ops.matmul(vectors, ops.transpose(pixels, (0, 2, 1)))
        return ops.reshape(masks, (-1, vectors.shape[1], self.height, self.width))

    def compute_output_spec(self, inputs):
        shape = (inputs[0].shape[0], inputs[0].shape[1], self.height, self.width)
        return keras.KerasTensor(shape, self.compute_dtype)

    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        (_, count, channels), (_, pixels, _) = (x.shape for x in self.input)
        return count * channels * pixels

    def get_config(self):
        return super().get_config() | {"height": self.height, "width": self.width}
