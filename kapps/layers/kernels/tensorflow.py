"""TensorFlow: its fused batch normalisation, a convolution it breaks at, sums in their order, and
work on the host."""

import tensorflow as tf

__all__ = [
    "batch_norm",
    "batch_statistics_norm",
    "conv",
    "differentiated",
    "on_host",
    "summed_rows",
]

FEW = 16  # channels, below which oneDNN takes a pixel's as they lie there


def conv(x, kernel, bias, strides, padding, dilation, data_format):  # noqa: ARG001
    """See `kapps.layers.kernels`.

    For kernels of one pixel with strides alone, on few channels: where the last row is one of those
    that are passed over, oneDNN's gradient of the kernel writes outside its memory (TensorFlow
    2.21), and the process dies then or later. So the pixels are picked first.
    """
    strided = tuple(kernel.shape[:2]) == (1, 1) and max(strides) > 1
    if not strided or data_format != "channels_last" or x.shape[-1] >= FEW:
        return None
    x = x[:, :: strides[0], :: strides[1]]
    outputs = tf.nn.conv2d(x, tf.cast(kernel, x.dtype), 1, "VALID")
    return outputs if bias is None else outputs + tf.cast(bias, x.dtype)


def batch_norm(x, gamma, beta, mean, variance, epsilon, axis):
    """See `kapps.layers.kernels`."""
    layout = _layout(x, axis)
    if layout is None:
        return None
    numbers = _numbers(x, gamma, beta)
    averages = tf.convert_to_tensor(mean), tf.convert_to_tensor(variance)
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=numbers[0], offset=numbers[1], mean=averages[0], variance=averages[1],
        epsilon=epsilon, data_format=layout, is_training=False,
    ).y  # fmt: skip


def batch_statistics_norm(x, gamma, beta, epsilon, axis):
    """See `kapps.layers.kernels`."""
    layout = _layout(x, axis)
    if layout is None:
        return None
    scale, offset = _numbers(x, gamma, beta)
    none = tf.zeros((0,), tf.float32)
    found = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, mean=none, variance=none,
        epsilon=epsilon, data_format=layout, is_training=True,
    )  # fmt: skip
    # The kernel divides by one less than the number of values.
    count = tf.cast(tf.size(x) // tf.size(scale), tf.float32)
    variance = found.batch_variance * ((count - 1) / count)
    return found.y, found.batch_mean, variance


def _layout(x, axis):
    """TensorFlow's word for where the channels are; None where it has no kernel."""
    if len(x.shape) != 4 or x.dtype == tf.float64:
        return None
    if axis % 4 == 3:
        return "NHWC"
    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    return "NCHW" if axis % 4 == 1 and on_gpu else None


def _numbers(x, gamma, beta):
    """Scale and offset, also where the layer has none."""
    channels = x.shape[-1]
    scale = tf.ones((channels,)) if gamma is None else tf.convert_to_tensor(gamma)
    offset = tf.zeros((channels,)) if beta is None else tf.convert_to_tensor(beta)
    return scale, offset


def summed_rows(table, shares):
    """See `kapps.layers.kernels`; nothing else keeps a graph from looking up all rows first."""
    total = None
    for index, weight in shares:
        with tf.control_dependencies([] if total is None else [total]):
            values = tf.gather(table, index) * tf.cast(weight, table.dtype)[..., None]
        total = values if total is None else total + values
    return total


def on_host(function, tensors, shape, dtype):
    """See `kapps.layers.kernels.on_host`."""
    found = tf.numpy_function(function, list(tensors), dtype, stateful=False)
    return tf.ensure_shape(found, shape)


def differentiated(function):
    """See `kapps.layers.kernels.differentiated`."""
    zero = tf.UnconnectedGradients.ZERO

    def derivative(tensors, *others):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            number, more = function(tensors, *others)
        return number, more, tape.gradient(number, tensors, unconnected_gradients=zero)

    return derivative
