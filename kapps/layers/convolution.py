"""Keras's convolutions, computed as the backend does them best, and one that Keras has not."""

import keras
from keras import ops

from kapps.layers import kernels

_register = keras.saving.register_keras_serializable(package="kapps")


def padded(layer, inputs, zeros):
    """What a convolution without padding of its own gives for `inputs` with zeros around them.

    Args:
        layer: a `Conv2D` or `DepthwiseConv2D`.
        zeros: rows and columns, ((top, bottom), (left, right)).
    """
    name = "depthwise_conv" if isinstance(layer, DepthwiseConv2D) else "conv"
    return _convolved(layer, inputs, layer.kernel, name, zeros)


def _convolved(layer, inputs, weights, name, padding=None):
    """What the backend's `name` makes of `inputs` and `weights`, or None without one."""
    kernel = kernels.find(name)
    if kernel is None:
        return None
    outputs = kernel(
        inputs,
        weights,
        layer.bias if layer.use_bias else None,
        layer.strides,
        padding or layer.padding,
        layer.dilation_rate,
        layer.data_format,
    )
    if outputs is None or layer.activation is None:
        return outputs
    return layer.activation(outputs)


@_register
class Conv2D(keras.layers.Conv2D):
    """Keras's layer, by the kernel of the backend where there is a faster one."""

    def call(self, inputs):
        outputs = _convolved(self, inputs, self.kernel, "conv")
        return super().call(inputs) if outputs is None else outputs


@_register
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras's layer, by the kernel of the backend where there is a faster one."""

    def call(self, inputs):
        outputs = _convolved(self, inputs, self.kernel, "depthwise_conv")
        return super().call(inputs) if outputs is None else outputs


@_register
class StandardizedConv2D(Conv2D):
    """A convolution each of whose filters has mean 0 and variance 1 when it is applied.

    `kernel` is what is trained; an exported model holds `standardized()` in its place.

    Source: Micro-Batch Training with Batch-Channel Normalization and Weight Standardization (Qiao
    et al., 2019, arXiv:1903.10520), with `epsilon` under the root as in BiT.

    Args:
        epsilon: added to the variance of a filter.
    """

    def __init__(self, *args, epsilon=1e-8, **kwargs):
        super().__init__(*args, **kwargs)
        self.epsilon = epsilon

    def add_weight(self, *args, **kwargs):
        # The variance of a kernel is near 1 / fan_in, which half precision rounds to a few bits.
        if kwargs.get("name") == "kernel":
            kwargs["autocast"] = False
        return super().add_weight(*args, **kwargs)

    def standardized(self):
        """The kernel that is applied, of shape (height, width, channels, filters)."""
        return self._standardize(self.kernel)

    def _standardize(self, kernel):
        kernel = ops.convert_to_tensor(kernel)
        mean, variance = ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        return ops.cast((kernel - mean) * ops.rsqrt(variance + self.epsilon), self.compute_dtype)

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, self._standardize(kernel))

    def call(self, inputs):
        outputs = _convolved(self, inputs, self.standardized(), "conv")
        return keras.layers.Conv2D.call(self, inputs) if outputs is None else outputs

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}
