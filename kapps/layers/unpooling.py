"""Maximum pooling that remembers where its maxima were, and the way back."""

import keras
from keras import ops

from kapps.layers.windows import Pooling, windows, with_spatial

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class MaxPoolingWithSwitches2D(Pooling):
    """The maximum of each window, and the place of its first maximum in it.

    Source: Visualizing and Understanding Convolutional Networks (Zeiler and Fergus, 2013,
    arXiv:1311.2901), section 2.1.

    Args:
        pool_size, strides: in pixels; windows lie within the image.
        data_format: "channels_last" or "channels_first". Height and width are static.

    Returns:
        [maxima, switches] of the pooled shape. A switch is row * pool_size + column within its
        window, int32.
    """

    def call(self, inputs):
        x = windows(inputs, self.pool_size, self.strides, self.data_format)
        maxima, switches = x[0], ops.zeros_like(x[0], dtype="int32")
        # Not by argmax, which on TensorFlow asks for the bits of zeros, as no phone can.
        for place in range(1, self.pool_size**2):
            larger = x[place] > maxima
            maxima = ops.where(larger, x[place], maxima)
            switches = ops.where(larger, place, switches)
        return [maxima, switches]

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape(inputs.shape)
        return [keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int32")]


@_register
class MaxUnpooling2D(keras.layers.Layer):
    """Values put back where the maxima were, zeros elsewhere.

    Where windows overlap and share a maximum, its values are added, so that this is the transpose
    of the pooling, which its gradient is too. (torch's MaxUnpool2d keeps one of them.) Source: as
    of `MaxPoolingWithSwitches2D`, whose `pool_size` and `strides` these are.

    Args:
        size: (height, width) of the image that was pooled, in pixels.
        pool_size, strides, data_format: of the pooling.
    """

    def __init__(self, size, pool_size=2, strides=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)
        self.pool_size, self.strides = pool_size, strides or pool_size
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs):
        values, switches = inputs
        parts = []
        for place in range(self.pool_size**2):
            here = ops.cast(ops.equal(switches, place), values.dtype) * values
            parts.append(self._spread(here, *divmod(place, self.pool_size)))
        return sum(parts)

    def _spread(self, x, top, left):
        """`x` with `strides` between its pixels, the first of them at (top, left)."""
        first = self.data_format == "channels_first"
        for axis, start, size in zip(
            (2, 3) if first else (1, 2), (top, left), self.size, strict=True
        ):
            count = x.shape[axis]
            x = ops.expand_dims(x, axis + 1)
            gaps = [(0, 0)] * 5
            gaps[axis + 1] = (0, self.strides - 1)
            shape = list(x.shape)
            shape[axis : axis + 2] = [count * self.strides]
            x = ops.reshape(ops.pad(x, gaps), (-1, *shape[1:]))
            long = min(count * self.strides, size - start)
            x = x[(slice(None),) * axis + (slice(0, long),)]
            ends = [(0, 0)] * 4
            ends[axis] = (start, size - start - long)
            x = ops.pad(x, ends)
        return x

    def compute_output_spec(self, inputs):
        shape = with_spatial(inputs[0].shape, self.size, self.data_format)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        names = ("size", "pool_size", "strides", "data_format")
        return super().get_config() | {name: getattr(self, name) for name in names}
