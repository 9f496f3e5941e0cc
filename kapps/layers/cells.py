"""S- and C-cells of the neocognitron, with shunting inhibition."""

import math

import keras
import numpy as np
from keras import ops

from kapps.layers.initializers import Zeros

_register = keras.saving.register_keras_serializable(package="kapps")


def nearness(size: int) -> np.ndarray:
    """Weights (size, size, 1, 1) that fall with the distance from the middle, and sum to one.

    The papers ask for no more than that; here a cell's weight is 0.9 ** (distance in cells).
    """
    place = np.arange(size) - (size - 1) / 2
    weights = 0.9 ** np.hypot(place[:, None], place[None, :])
    return (weights / weights.sum()).astype("float32")[:, :, None, None]


@_register
class SCells(keras.layers.Layer):
    """Cells that answer to one pattern of their inputs, the more the better it fits.

    With excitation e = sum(a * u) over the window and inhibition v = sqrt(sum(c * u**2)),

        r * relu((1 + e) / (1 + 2 * r / (1 + r) * b * v) - 1)

    where a (`kernel`) and b (`inhibition`, one a plane of cells) are learnt and never negative, and
    c is fixed: it falls with the distance and sums to one. Source: Neocognitron (Fukushima, 1980,
    Biological Cybernetics 36), equations 1 and 2. There, a begins near zero and b at zero, and both
    grow without a teacher; here gradients change them.

    Args:
        filters: planes of cells.
        kernel_size: of the window, which lies within the input.
        selectivity: r; the larger, the closer a pattern must fit.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, filters, kernel_size, selectivity=1.5, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.selectivity = filters, kernel_size, selectivity
        self.data_format = data_format or keras.config.image_data_format()

    def build(self, input_shape):
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        self.kernel = self.add_weight(
            shape=shape,
            # The weights of a cell sum to about one, as those of c do.
            initializer=keras.initializers.RandomUniform(0.0, 2.0 / math.prod(shape[:3])),
            constraint="non_neg",
            name="kernel",
        )
        self.inhibition = self.add_weight(
            shape=(self.filters,), initializer=Zeros(), constraint="non_neg", name="inhibition"
        )

    def call(self, inputs):
        last = self.data_format == "channels_last"
        excitation = ops.conv(inputs, self.kernel, 1, "valid", self.data_format)
        squares = ops.mean(ops.square(inputs), axis=-1 if last else 1, keepdims=True)
        near = ops.convert_to_tensor(nearness(self.kernel_size), dtype=inputs.dtype)
        squares = ops.conv(squares, near, 1, "valid", self.data_format)
        # The root has no gradient at zero, which is what most of a picture of a letter is.
        v = ops.sqrt(ops.maximum(squares, 1e-7))
        b = self.inhibition if last else ops.reshape(self.inhibition, (-1, 1, 1))
        r = self.selectivity
        inhibition = 2 * r / (1 + r) * b * v
        # The formula without its ones, in whose rounding a faint answer would drown.
        return r * ops.relu(excitation - inhibition) / (1 + inhibition)

    def macs(self) -> int:
        """Products of one image: the excitation's and, for one plane, the inhibition's."""
        shape = self.output.shape
        positions = shape[1:3] if self.data_format == "channels_last" else shape[2:4]
        return math.prod(positions) * (math.prod(self.kernel.shape) + self.kernel_size**2)

    def get_config(self):
        names = ("filters", "kernel_size", "selectivity", "data_format")
        return super().get_config() | {name: getattr(self, name) for name in names}


@_register
class CCells(keras.layers.Layer):
    """Cells that answer wherever in their window an S-cell of their plane does.

    With d = sum(w * u) over the window, w falling with the distance and summing to one, and v the
    mean of d over all planes,

        psi((1 + d) / (1 + v) - 1),    psi(x) = relu(x) / (alpha + relu(x))

    so that a plane answers as far as it is above the others. Nothing is learnt. Source:
    Neocognitron (Fukushima, 1980, Biological Cybernetics 36), equations 3 and 4.

    Args:
        size, strides: of the window, in cells; it lies within the input.
        alpha: the answer at which a cell is half saturated.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, size, strides=1, alpha=0.5, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size, self.strides, self.alpha = size, strides, alpha
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs):
        axis = -1 if self.data_format == "channels_last" else 1
        shape = (1, 1, inputs.shape[axis], 1)
        kernel = ops.convert_to_tensor(
            np.broadcast_to(nearness(self.size), (self.size, self.size, *shape[2:])),
            dtype=inputs.dtype,
        )
        d = ops.depthwise_conv(inputs, kernel, self.strides, "valid", self.data_format)
        v = ops.mean(d, axis=axis, keepdims=True)
        x = ops.relu(d - v) / (1 + v)  # the formula without its ones, as in `SCells`
        return x / (self.alpha + x)

    def macs(self) -> int:
        """Products of one image."""
        return math.prod(self.output.shape[1:]) * self.size**2

    def get_config(self):
        names = ("size", "strides", "alpha", "data_format")
        return super().get_config() | {name: getattr(self, name) for name in names}
