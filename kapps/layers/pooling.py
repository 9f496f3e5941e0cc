"""Pooling where Keras has no word for a reference's rule, or means another by it on one backend."""

import keras
from keras import ops

from kapps.layers import kernels

_register = keras.saving.register_keras_serializable(package="kapps")


def _same(size, pool_size: int, strides: int):
    """(outputs, zeros before, zeros after) of TensorFlow's "same", whose odd zero is at the end.

    `size` in pixels may be a tensor, where it is known only when the graph runs.
    """
    outputs = -(-size // strides)
    total = (outputs - 1) * strides + pool_size - size
    total = max(total, 0) if isinstance(size, int) else ops.maximum(total, 0)
    return outputs, total // 2, total - total // 2


def _pad(x, pool_size, strides, axes):
    widths = [(0, 0)] * 4
    for axis, pool, stride in zip(axes, pool_size, strides, strict=True):
        _, before, after = _same(ops.shape(x)[axis], pool, stride)
        widths[axis] = (before, after)
    return ops.pad(x, widths)


def _axes(data_format: str) -> tuple[int, int]:
    return (1, 2) if data_format == "channels_last" else (2, 3)


@_register
class SamePadding2D(keras.layers.Layer):
    """Zeros around an image where TensorFlow's "same" has its padding, as a layer of its own.

    A pooling layer that pads leaves its padding out: the maximum of a window is one of its pixels,
    the mean is over them alone. After this layer the zeros count like pixels.

    Args:
        pool_size, strides: of the layer that follows with "valid" padding, in pixels.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, pool_size, strides, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.strides = strides
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs):
        sizes = (self.pool_size,) * 2, (self.strides,) * 2
        return _pad(inputs, *sizes, _axes(self.data_format))

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis in _axes(self.data_format):
            if shape[axis] is not None:
                shape[axis] += sum(_same(shape[axis], self.pool_size, self.strides)[1:])
        return tuple(shape)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "data_format": self.data_format,
        }


@_register
class MaxPooling2D(keras.layers.MaxPooling2D):
    """Keras's layer, by the kernel of the backend where there is a faster one."""

    def call(self, inputs):
        kernel, outputs = kernels.find("max_pool"), None
        if kernel is not None:
            sizes = self.pool_size, self.strides
            outputs = kernel(inputs, *sizes, self.padding, self.data_format)
        return super().call(inputs) if outputs is None else outputs


@_register
class AveragePooling2D(keras.layers.AveragePooling2D):
    """Keras's layer, whose "same" is the mean of the pixels in the window on every backend.

    On torch, Keras 3.15 counts copies of the border instead wherever "same" pads more on one side
    than on the other, as it does for a 3x3 window with stride 2 on an even size. Here such a
    padding is written out, and the mean over pixels and zeros is divided by the share of pixels.
    """

    def call(self, inputs):
        if self.padding == "valid" or set(self.strides) == {1}:
            return super().call(inputs)
        axes = _axes(self.data_format)
        sides = [
            (ops.shape(inputs)[axis], pool, stride)
            for axis, pool, stride in zip(axes, self.pool_size, self.strides, strict=True)
        ]
        if all(isinstance(side[0], int) and not any(_same(*side)[1:]) for side in sides):
            return super().call(inputs)  # nothing is padded
        shares = [self._share(*side) for side in sides]
        mean = ops.average_pool(
            _pad(inputs, self.pool_size, self.strides, axes),
            self.pool_size,
            self.strides,
            "valid",
            self.data_format,
        )
        share = ops.expand_dims(shares[0], 1) * ops.expand_dims(shares[1], 0)
        share = share[:, :, None] if self.data_format == "channels_last" else share
        return mean / ops.cast(share, mean.dtype)

    @staticmethod
    def _share(size, pool_size, strides):
        """For each window along one axis, how much of it lies inside the image, in (0, 1]."""
        outputs, before, _ = _same(size, pool_size, strides)
        start = ops.arange(outputs) * strides - before
        inside = ops.minimum(start + pool_size, size) - ops.maximum(start, 0)
        return ops.cast(inside, "float32") / pool_size


def symmetric_max_pool(x, nn, pool_size, strides, *, name):
    """Torch's maximum pooling: `pool_size // 2` on every side, and the padding never wins.

    That is every `strides`-th of the maxima around each pixel, which needs no infinities. Adds the
    layers `<name>_window` and `name`. After a ReLU `nn.max_pool` gives the same for less.
    """
    x = nn.max_pool(x, pool_size, 1, "same", name=f"{name}_window")
    return nn.max_pool(x, 1, strides, "valid", name=name)


def ceil_max_pool(x, nn, pool_size, strides, *, name):
    """Caffe's maximum pooling, torch's with ceil_mode: a last window may reach beyond the image.

    Zeros complete it, which is right only after a ReLU. Source: the networks of Caffe, whose
    rounding torchvision keeps in SqueezeNet and GoogLeNet.
    """
    x = nn.pad(x, ((0, strides - 1),) * 2, name)
    return nn.max_pool(x, pool_size, strides, "valid", name=name)
