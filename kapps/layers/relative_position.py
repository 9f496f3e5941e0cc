"""Attention that knows how far tokens lie apart, from a learnt table."""

import keras
import numpy as np
from keras import ops

from kapps.layers.attention import Attention
from kapps.layers.initializers import initializer
from kapps.layers.resampling import resample_offsets
from kapps.layers.token_windows import shift_mask

_register = keras.saving.register_keras_serializable(package="kapps")


def offsets_index(height: int, width: int) -> np.ndarray:
    """(tokens, tokens): which offset, counted row by row, lies between two tokens of a grid."""
    y, x = (axis.ravel() for axis in np.mgrid[:height, :width])
    rows = y[:, None] - y[None] + height - 1
    columns = x[:, None] - x[None] + width - 1
    return rows * (2 * width - 1) + columns


@_register
class RelativePositionAttention(Attention):
    """Adds to each product of a query and a key a learnt number for the offset between them.

    Source: Swin Transformer (Liu et al., 2021), equation 4; with a class token, BEiT (Bao et al.,
    2021), which has three more numbers: class to patch, patch to class, class to itself.

    Args:
        height, width: of the grid of tokens, or of a window of it.
        class_token: whether there is one before them.
        grid, shift: of windows that were shifted: the rows and columns of the whole map, and by
            how many of each; tokens that were no neighbours before do not see each other.
    """

    adapts = {"table": "adapted"}  # variable -> the method that makes it

    def __init__(
        self, num_heads, height, width, class_token=False, grid=None, shift=None, **kwargs
    ):
        super().__init__(num_heads, **kwargs)
        self.height, self.width, self.class_token = height, width, class_token
        self.grid, self.shift = grid, shift
        offsets = (2 * height - 1) * (2 * width - 1)
        index = offsets_index(height, width)
        if class_token:
            index = np.pad(index, ((1, 0), (1, 0)))
            index[0, :], index[:, 0], index[0, 0] = offsets, offsets + 1, offsets + 2
        self._index = index.ravel()
        self._mask = shift_mask(grid, (height, width), shift) if shift and any(shift) else None

    def build(self, input_shape):  # noqa: ARG002 (Keras gives it)
        offsets = (2 * self.height - 1) * (2 * self.width - 1) + 3 * self.class_token
        self.table = self.add_weight(
            shape=(offsets, self.num_heads),
            initializer=initializer("truncated_normal"),
            name="table",
        )

    def bias(self):
        tokens = self.height * self.width + self.class_token
        bias = ops.take(self.table, self._index, axis=0)
        bias = ops.transpose(ops.reshape(bias, (tokens, tokens, self.num_heads)), (2, 0, 1))
        return bias if self._mask is None else ops.add(bias[None], self._mask[:, None])

    def adapted(self, array):
        """A table of another square grid, for this one."""
        extra = 3 * self.class_token
        table = resample_offsets(array[: len(array) - extra], (self.height, self.width))
        return np.concatenate([table, array[len(array) - extra :]])

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "class_token": self.class_token,
            "grid": self.grid,
            "shift": self.shift,
        }
