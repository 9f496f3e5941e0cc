"""Where maps of a picture meet embeddings of names: YOLO-World's three meetings.

Source: YOLO-World (Cheng et al., 2024, arXiv:2401.17270), sections 3.2 and 3.3.
"""

import keras
from keras import ops

from kapps.layers.blocks import CHANNELS_LAST
from kapps.layers.initializers import Constant, initializer

_register = keras.saving.register_keras_serializable(package="kapps")
LEAST = 1e-24  # of a squared length, as in torch's `normalize`


class _OfMaps(keras.layers.Layer):
    """A layer that sees a map as its places in rows, whichever axis its channels are."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    def _rows(self, x):
        """(batch, height * width, channels)."""
        if self.data_format != CHANNELS_LAST:
            x = ops.transpose(x, (0, 2, 3, 1))
        _, height, width, channels = x.shape
        return ops.reshape(x, (-1, height * width, channels))

    def _map(self, rows, like):
        """The inverse of `_rows`, of the size of the map `like`."""
        height, width = self._sides(like)
        x = ops.reshape(rows, (-1, height, width, rows.shape[-1]))
        return x if self.data_format == CHANNELS_LAST else ops.transpose(x, (0, 3, 1, 2))

    def _sides(self, x):
        return x.shape[1:3] if self.data_format == CHANNELS_LAST else x.shape[2:4]

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format}


@_register
class MaxSigmoidGate(_OfMaps):
    """Each place of a map counts as much as the name that fits it best: equation 2.

    In heads, each of which has a learnt bias: sigmoid(max over names of x . name / sqrt(channels of
    a head) + bias), times the values there.

    Args:
        num_heads: into which channels are divided.
        data_format: of the maps.

    Inputs: values and x, maps of as many channels, and names (batch, names, channels). Output: as
    the values.
    """

    def __init__(self, num_heads: int, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.num_heads = num_heads

    def build(self, input_shape):  # noqa: ARG002
        self.bias = self.add_weight(
            shape=(self.num_heads,), initializer=initializer("zeros"), name="bias"
        )

    def call(self, inputs):
        values, x, names = inputs
        x, names = (self._heads(rows) for rows in (self._rows(x), names))
        fit = ops.matmul(
            ops.transpose(x, (0, 2, 1, 3)), ops.transpose(names, (0, 2, 3, 1))
        )  # (batch, heads, places, names)
        best = ops.transpose(ops.max(fit, axis=-1), (0, 2, 1)) / x.shape[-1] ** 0.5
        rows = self._rows(values)
        gated = self._heads(rows) * ops.sigmoid(best + self.bias)[..., None]
        return self._map(ops.reshape(gated, (-1, *rows.shape[1:])), values)

    def _heads(self, rows):
        """(batch, rows, heads, channels of a head)."""
        shape = (-1, rows.shape[1], self.num_heads, rows.shape[-1] // self.num_heads)
        return ops.reshape(rows, shape)

    def macs(self) -> int:
        """Multiply-accumulates of the products for one image."""
        values, _, names = (x.shape for x in self.input)
        height, width = self._sides(self.input[0])
        return height * width * names[1] * names[2]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads}


@_register
class MaxTokens(_OfMaps):
    """The maxima of a map over `size` times `size` windows that tile it, as tokens, row by row.

    Where the sides are no multiple, windows overlap as torch's `AdaptiveMaxPool2d` has them: from
    floor(i * n / size) up to but not including ceil((i + 1) * n / size).

    Args:
        size: of windows along each side.
        data_format: of the map.

    Input: a map. Output: (batch, size * size, channels).
    """

    def __init__(self, size: int, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = size

    def call(self, inputs):
        x = inputs
        if self.data_format != CHANNELS_LAST:
            x = ops.transpose(x, (0, 2, 3, 1))
        height, width = x.shape[1:3]
        rows = [ops.max(x[:, start:stop], axis=1) for start, stop in self._windows(height)]
        tokens = [
            ops.max(row[:, start:stop], axis=1)
            for row in rows
            for start, stop in self._windows(width)
        ]
        return ops.stack(tokens, axis=1)

    def _windows(self, side: int) -> list[tuple[int, int]]:
        return [(i * side // self.size, -(-(i + 1) * side // self.size)) for i in range(self.size)]

    def compute_output_spec(self, inputs):
        channels = inputs.shape[-1 if self.data_format == CHANNELS_LAST else 1]
        return keras.KerasTensor((inputs.shape[0], self.size**2, channels), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"size": self.size}


@_register
class NameLogits(_OfMaps):
    """How well each place of a map fits each name: equation 1, cosines with a scale and a bias.

    Args:
        scale: first value of the logarithm of the learnt scale.
        bias: first value of the learnt bias.
        normalized: whether the vectors of the map get the length 1 here; not where a BatchNorm
            stands before, as in version 2.
        data_format: of the map.

    Inputs: a map of `channels`, and names (batch, names, channels), whose vectors get the length 1.
    Output: a map with a channel a name.
    """

    def __init__(self, scale: float, bias: float, normalized: bool, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.first_scale, self.first_bias, self.normalized = scale, bias, normalized

    def build(self, input_shape):  # noqa: ARG002
        self.logit_scale = self.add_weight(
            shape=(), initializer=Constant(self.first_scale), name="logit_scale"
        )
        self.bias = self.add_weight(shape=(1,), initializer=Constant(self.first_bias), name="bias")

    def call(self, inputs):
        x, names = inputs
        rows = self._rows(x)
        rows = _unit(rows) if self.normalized else rows
        cosines = ops.matmul(rows, ops.transpose(_unit(names), (0, 2, 1)))
        return self._map(cosines * ops.exp(self.logit_scale) + self.bias, x)

    def macs(self) -> int:
        """Multiply-accumulates of the products for one image."""
        height, width = self._sides(self.input[0])
        _, names, channels = self.input[1].shape
        return height * width * names * channels

    def compute_output_spec(self, inputs):
        x, names = inputs
        height, width = self._sides(x)
        last = self.data_format == CHANNELS_LAST
        sides = (height, width, names.shape[1]) if last else (names.shape[1], height, width)
        return keras.KerasTensor((x.shape[0], *sides), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "scale": self.first_scale,
            "bias": self.first_bias,
            "normalized": self.normalized,
        }


def _unit(x):
    """Vectors of length 1 along the last axis; zeros stay."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), LEAST))
