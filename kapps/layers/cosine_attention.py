"""Swin Transformer V2's attention: by the angle between query and key, with computed biases."""

import math

import keras
import numpy as np
from keras import ops

from kapps.layers.attention import Attention
from kapps.layers.initializers import Constant, initializer
from kapps.layers.relative_position import offsets_index
from kapps.layers.token_windows import shift_mask


@keras.saving.register_keras_serializable(package="kapps")
class CosineAttention(Attention):
    """Cosines times a learnt factor, plus what a small network says of the offset.

    Source: Swin Transformer V2 (Liu et al., 2021), equations 2 to 4; the sigmoid around the bias is
    the published networks'.

    Args:
        height, width: of a window. grid, shift: as of `RelativePositionAttention`.
        trained: height and width of the windows that the small network learnt on; offsets are
            measured in them, so that other windows have biases too.
        units: of its hidden layer.
    """

    def __init__(
        self, num_heads, height, width, grid=None, shift=None, trained=None, units=512, **kwargs
    ):
        super().__init__(num_heads, scale=1.0, **kwargs)
        self.height, self.width, self.grid, self.shift = height, width, grid, shift
        self.trained, self.units = trained, units
        self._index = offsets_index(height, width).ravel()
        self._mask = shift_mask(grid, (height, width), shift) if shift and any(shift) else None

    def build(self, input_shape):  # noqa: ARG002 (Keras gives it)
        normal, zeros = initializer("truncated_normal"), initializer("zeros")
        heads, units = self.num_heads, self.units
        weigh = self.add_weight
        ten = Constant(math.log(10.0))
        self.logit_scale = weigh(shape=(heads, 1, 1), initializer=ten, name="logit_scale")
        self.hidden_kernel = weigh(shape=(2, units), initializer=normal, name="hidden_kernel")
        self.hidden_bias = weigh(shape=(units,), initializer=zeros, name="hidden_bias")
        self.bias_kernel = weigh(shape=(units, heads), initializer=normal, name="bias_kernel")

    def positioned(self, query, key):
        factor = ops.exp(ops.minimum(self.logit_scale, math.log(100.0)))
        return _unit(query) * ops.cast(factor, query.dtype), _unit(key)

    def bias(self):
        hidden = ops.matmul(self._offsets(), ops.cast(self.hidden_kernel, "float32"))
        hidden = ops.relu(hidden + ops.cast(self.hidden_bias, "float32"))
        table = ops.matmul(hidden, ops.cast(self.bias_kernel, "float32"))
        tokens = self.height * self.width
        bias = ops.take(table, self._index, axis=0)
        bias = ops.reshape(bias, (tokens, tokens, self.num_heads))
        bias = 16 * ops.sigmoid(ops.transpose(bias, (2, 0, 1)))
        return bias if self._mask is None else ops.add(bias[None], self._mask[:, None])

    def _offsets(self) -> np.ndarray:
        """(offsets, 2), float32: log-spaced, -1 to 1 over the windows that were trained on."""
        sides = (self.height, self.width)
        trained = self.trained or sides
        axes = [
            np.arange(1 - side, side) * 8.0 / max(old - 1, 1)
            for side, old in zip(sides, trained, strict=True)
        ]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        return (np.sign(grid) * np.log2(np.abs(grid) + 1) / 3).astype("float32")

    def get_config(self):
        config = super().get_config() | {
            "height": self.height,
            "width": self.width,
            "grid": self.grid,
            "shift": self.shift,
            "trained": self.trained,
            "units": self.units,
        }
        del config["scale"]
        return config


def _unit(x):
    """Vectors of length one."""
    length = ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))
    return x / ops.maximum(length, 1e-12)
