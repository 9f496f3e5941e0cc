"""Keras's convolutions, computed as the backend does them best."""

import keras

from kapps.layers import kernels

_register = keras.saving.register_keras_serializable(package="kapps")


def _convolved(layer, inputs, name):
    """What the kernel `name` makes of `inputs` by the layer's settings, or None without one."""
    kernel = kernels.find(name)
    if kernel is None:
        return None
    outputs = kernel(
        inputs,
        layer.kernel,
        layer.bias if layer.use_bias else None,
        layer.strides,
        layer.padding,
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
        outputs = _convolved(self, inputs, "conv")
        return super().call(inputs) if outputs is None else outputs


@_register
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras's layer, by the kernel of the backend where there is a faster one."""

    def call(self, inputs):
        outputs = _convolved(self, inputs, "depthwise_conv")
        return super().call(inputs) if outputs is None else outputs
