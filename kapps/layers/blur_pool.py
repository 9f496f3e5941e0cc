"""Subsampling that does not alias: a low-pass filter before the stride."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class BlurPool2D(keras.layers.Layer):
    """Each channel blurred by a binomial kernel, then every `strides`-th pixel of it.

    The image is mirrored at its edges. After a maximum over each pixel's neighbours (stride 1) it
    is the paper's antialiased maximum pooling; in the place of a stride, its antialiased
    convolution. Source: Making Convolutional Networks Shift-Invariant Again (Zhang, 2019,
    arXiv:1904.11486), section 3.

    Args:
        pool_size: side of the kernel in pixels, at least 2; 3 is [1, 2, 1] / 4 along each axis.
        strides: in pixels.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, pool_size=3, strides=2, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.strides = pool_size, strides
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def _sides(self) -> tuple[int, int]:
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def call(self, inputs):
        widths = [(0, 0)] * 4
        for axis in self._sides:
            widths[axis] = ((self.pool_size - 1) // 2, self.pool_size // 2)
        channels = inputs.shape[-1 if self.data_format == "channels_last" else 1]
        line = np.array([math.comb(self.pool_size - 1, i) for i in range(self.pool_size)])
        kernel = np.outer(line, line) / line.sum() ** 2
        kernel = np.repeat(kernel[:, :, None, None], channels, axis=2)
        return ops.depthwise_conv(
            ops.pad(inputs, widths, mode="reflect"),
            ops.convert_to_tensor(kernel, inputs.dtype),
            self.strides,
            "valid",
            self.data_format,
        )

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis in self._sides:
            if shape[axis] is not None:
                shape[axis] = -(-shape[axis] // self.strides)
        return tuple(shape)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "data_format": self.data_format,
        }
