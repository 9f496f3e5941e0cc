"""Layers between images and tokens: what holds a learnt token or table, and how shapes change.

A network of tokens has them in the shape (batch, tokens, channels): first those that stand for no
place ("prefix": class token, registers), then the patches, row by row.
"""

import keras
import numpy as np
from keras import ops

from kapps.layers.initializers import initializer
from kapps.layers.resampling import resample_grid

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class MapToTokens(keras.layers.Layer):
    """A map becomes its positions, row by row: (batch, height * width, channels).

    Args:
        data_format: of the map.
    """

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format

    def call(self, inputs):
        if self.data_format == "channels_first":
            inputs = ops.transpose(inputs, (0, 2, 3, 1))
        return ops.reshape(inputs, (-1, *self.compute_output_shape(inputs.shape, True)[1:]))

    def compute_output_shape(self, input_shape, last=None):
        _, *sides = input_shape
        if not (last or self.data_format == "channels_last"):
            sides = (*sides[1:], sides[0])
        return (input_shape[0], sides[0] * sides[1], sides[2])

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format}


@_register
class TokensToMap(keras.layers.Layer):
    """The tokens of patches as a map again; those before them are left out.

    Args:
        height, width: of the map. prefix: tokens that stand for no place.
        data_format: of the map.
    """

    def __init__(self, height, width, prefix=0, data_format="channels_last", **kwargs):
        super().__init__(**kwargs)
        self.height, self.width, self.prefix = height, width, prefix
        self.data_format = data_format

    def call(self, inputs):
        x = ops.reshape(inputs[:, self.prefix :], (-1, self.height, self.width, inputs.shape[-1]))
        return ops.transpose(x, (0, 3, 1, 2)) if self.data_format == "channels_first" else x

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        if self.data_format == "channels_first":
            return (batch, channels, self.height, self.width)
        return (batch, self.height, self.width, channels)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "prefix": self.prefix,
            "data_format": self.data_format,
        }


@_register
class ClassToken(keras.layers.Layer):
    """Learnt tokens before all others: class tokens, or registers.

    Source: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020), equation 1; Vision
    Transformers Need Registers (Darcet et al., 2023).

    Args:
        count: how many.
    """

    def __init__(self, count=1, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape):
        self.token = self.add_weight(
            shape=(1, self.count, input_shape[-1]),
            initializer=initializer("truncated_normal"),
            name="token",
        )

    def call(self, inputs):
        token = ops.cast(self.token, self.compute_dtype)
        token = ops.broadcast_to(token, (ops.shape(inputs)[0], *self.token.shape[1:]))
        return ops.concatenate([token, inputs], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return (batch, tokens + self.count, channels)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"count": self.count}


@_register
class PositionEmbedding(keras.layers.Layer):
    """Adds a learnt vector to each token, according to its place.

    Source: An Image is Worth 16x16 Words (Dosovitskiy et al., 2020), equation 1.

    Args:
        height, width: patches along each side. prefix: tokens before them, with their own places.
    """

    adapts = {"embedding": "adapted"}  # variable -> the method that makes it

    def __init__(self, height, width, prefix=0, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width, self.prefix = height, width, prefix

    def build(self, input_shape):
        self.embedding = self.add_weight(
            shape=(1, self.prefix + self.height * self.width, input_shape[-1]),
            initializer=initializer("truncated_normal"),
            name="embedding",
        )

    def call(self, inputs):
        return inputs + ops.cast(self.embedding, self.compute_dtype)

    def adapted(self, array):
        """A table (1, prefix + side * side, channels) of another image size, for this one.

        Source: timm's and the paper's own rule: bicubic, antialiased (section 3.2).
        """
        table = resample_grid(array[0, self.prefix :], (self.height, self.width))
        return np.concatenate([array[0, : self.prefix], table])[None]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "prefix": self.prefix,
        }


@_register
class TokenPooling(keras.layers.Layer):
    """Tokens become one vector an image.

    Args:
        mode: "token": the first ones, side by side; "avg" or "max": of the patches.
        prefix: tokens before those of patches.
        count: how many first ones "token" takes.
    """

    def __init__(self, mode="token", prefix=1, count=1, **kwargs):
        super().__init__(**kwargs)
        self.mode, self.prefix, self.count = mode, prefix, count

    def call(self, inputs):
        if self.mode == "token":
            width = self.count * inputs.shape[-1]
            return ops.reshape(inputs[:, : self.count], (-1, width))
        reduce = ops.mean if self.mode == "avg" else ops.max
        return reduce(inputs[:, self.prefix :], axis=1)

    def compute_output_spec(self, inputs):
        count = self.count if self.mode == "token" else 1
        shape = (inputs.shape[0], count * inputs.shape[-1])
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "mode": self.mode,
            "prefix": self.prefix,
            "count": self.count,
        }
