"""Torch: views in the memory format that its kernels want, and its fused normalisation.

An image of Keras with channels last is torch's image in the memory format channels_last, only with
its axes in another order: a view. Keras copies it, and the kernel, around every convolution.

Where no gradient is recorded, less memory is written: the page of a new array costs as much as the
arithmetic of an activation.
"""

import keras
import torch
import torch.nn.functional as tnn

__all__ = [
    "attention",
    "batch_norm",
    "batch_statistics_norm",
    "calls_layers_anew",
    "conv",
    "depthwise_conv",
    "differentiated",
    "layer_norm",
    "max_pool",
    "on_host",
    "overwriting",
    "records_gradients",
    "summed_rows",
]

SHORT = 32  # up to so many summands MKL's product of matrices is slower than oneDNN's convolution


def conv(x, kernel, bias, strides, padding, dilation, data_format):
    """See `kapps.layers.kernels`."""
    kernel = _tensor(kernel)
    bias = None if bias is None else _tensor(bias)
    last = data_format == "channels_last"
    channels, filters = kernel.shape[2:]
    pointwise = last and kernel.shape[:2] == (1, 1) and x.shape[-1] == channels
    pointwise = pointwise and padding in ("same", "valid")
    # For training oneDNN is the slower one, as it orders the arrays anew for the gradients.
    short = channels <= SHORT and not records_gradients()
    if pointwise and not short and x.device.type == "cpu":
        return _pointwise(x, kernel.reshape(channels, filters), bias, strides)
    return _conv(x, kernel.permute(3, 2, 0, 1), bias, strides, padding, dilation, last)


def depthwise_conv(x, kernel, bias, strides, padding, dilation, data_format):
    """See `kapps.layers.kernels`."""
    kernel = _tensor(kernel)
    bias = None if bias is None else _tensor(bias)
    height, width, channels, multiplier = kernel.shape
    weight = kernel.reshape(height, width, channels * multiplier, 1).permute(2, 3, 0, 1)
    return _conv(x, weight, bias, strides, padding, dilation, data_format == "channels_last")


def _tensor(variable):
    return getattr(variable, "value", variable)


def _pointwise(x, matrix, bias, strides):
    """A 1x1 convolution as one product of matrices, which takes Keras's kernel as it lies there."""
    if tuple(strides) != (1, 1):
        x = x[:, :: strides[0], :: strides[1]]
    rows = x.reshape(-1, matrix.shape[0])
    y = rows @ matrix if bias is None else torch.addmm(bias, rows, matrix)
    return y.view(*x.shape[:-1], matrix.shape[1])


def _conv(x, weight, bias, strides, padding, dilation, last):
    """A convolution by `weight` (filters, channels of a group, height, width)."""
    if last:
        x = x.permute(0, 3, 1, 2)
    around = 0
    if padding != "valid":
        zeros = _same(x, weight, strides, dilation) if padding == "same" else padding
        x, weight, around = _padded(x, weight, zeros, dilation)
    groups = x.shape[1] // weight.shape[1]
    y = tnn.conv2d(x, weight, bias, tuple(strides), around, tuple(dilation), groups)
    return y.permute(0, 2, 3, 1) if last else y


def _same(x, weight, strides, dilation):
    """The zeros of TensorFlow's "same", ((top, bottom), (left, right))."""
    sides = []
    for size, kernel, stride, step in zip(
        x.shape[2:], weight.shape[2:], strides, dilation, strict=True
    ):
        total = max((-(-size // stride) - 1) * stride + (kernel - 1) * step + 1 - size, 0)
        sides.append((total // 2, total - total // 2))
    return sides


def _padded(x, weight, zeros, dilation):
    """(x, weight, zeros on both sides) that give what `zeros` around `x` do.

    Torch pads both sides alike. Where they differ, here `x` is padded, which copies it; or, without
    gradients, a kernel of one channel, which is cheap then: it gets zeros where it begins.
    """
    (top, bottom), (left, right) = zeros
    if top == bottom and left == right:
        return x, weight, (top, left)
    plain = weight.shape[1] == 1 and tuple(dilation) == (1, 1) and x.device.type == "cpu"
    if plain and not records_gradients() and top <= bottom and left <= right:
        weight = tnn.pad(weight, (right - left, 0, bottom - top, 0))
        return x, weight, (bottom, right)
    return tnn.pad(x, (left, right, top, bottom)), weight, 0


def batch_norm(x, gamma, beta, mean, variance, epsilon, axis):
    """See `kapps.layers.kernels`."""
    turned = _channels_second(x, axis)
    if turned is None:
        return None
    numbers = [v if v is None else _tensor(v) for v in (gamma, beta, mean, variance)]
    gamma, beta, mean, variance = numbers
    y = tnn.batch_norm(turned, mean, variance, gamma, beta, False, 0.0, epsilon)
    return _turned_back(y, x, axis)


def batch_statistics_norm(x, gamma, beta, epsilon, axis):
    """See `kapps.layers.kernels`."""
    turned = _channels_second(x, axis)
    if turned is None:
        return None
    gamma, beta = (v if v is None else _tensor(v) for v in (gamma, beta))
    y, mean, inverse = torch.native_batch_norm(turned, gamma, beta, None, None, True, 0.0, epsilon)
    # The kernel keeps 1 / sqrt(variance + epsilon) for the gradient.
    variance = inverse.detach().pow(-2).sub_(epsilon).clamp_(min=0.0)
    return _turned_back(y, x, axis), mean.detach(), variance


def _channels_second(x, axis):
    """`x` in at least float32 with its channels where torch has them; None for another axis."""
    axis = axis % x.ndim
    if x.ndim not in (2, 4) or axis not in (1, x.ndim - 1):
        return None
    if x.dtype in (torch.float16, torch.bfloat16):
        x = x.float()  # as Keras does
    return x.permute(0, 3, 1, 2) if x.ndim == 4 and axis == 3 else x


def _turned_back(y, x, axis):
    return y.permute(0, 2, 3, 1) if x.ndim == 4 and axis % x.ndim == 3 else y


def max_pool(x, pool_size, strides, padding, data_format):
    """See `kapps.layers.kernels`."""
    last = data_format == "channels_last"
    if padding != "valid" or x.device.type == "meta":
        return None
    x = x.permute(0, 3, 1, 2) if last else x
    y = tnn.max_pool2d(x, tuple(pool_size), tuple(strides))
    return y.permute(0, 2, 3, 1) if last else y


def attention(query, key, value, scale, bias):
    """See `kapps.layers.kernels`."""
    return tnn.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def layer_norm(x, gamma, beta, epsilon):
    """See `kapps.layers.kernels`."""
    return tnn.layer_norm(x, x.shape[-1:], gamma, beta, epsilon)


def summed_rows(table, shares):
    """See `kapps.layers.kernels`; the rows are never written by themselves."""
    index, weight = (torch.stack(parts, -1) for parts in zip(*shares, strict=True))
    shape, count = index.shape[:-1], index.shape[-1]
    weight = weight.reshape(-1, count).to(table.dtype)
    y = tnn.embedding_bag(index.reshape(-1, count), table, mode="sum", per_sample_weights=weight)
    return y.reshape(*shape, table.shape[1])


def calls_layers_anew():
    """Whether a model's layers are called in every step: by its presence, see `layers.network`."""


def records_gradients() -> bool:
    """See `kapps.layers.kernels`."""
    return torch.is_grad_enabled()


_OVERWRITING = {
    keras.activations.relu: torch.relu_,
    keras.activations.relu6: lambda x: tnn.hardtanh(x, 0.0, 6.0, inplace=True),
    keras.activations.silu: lambda x: tnn.silu(x, inplace=True),
    keras.activations.hard_silu: lambda x: tnn.hardswish(x, inplace=True),
    keras.ops.add: torch.Tensor.add_,
}


def overwriting(function):
    """See `kapps.layers.kernels`."""
    return _OVERWRITING.get(function)


def on_host(function, tensors, shape, dtype):
    """See `kapps.layers.kernels.on_host`; shape and dtype are those of the array."""
    del shape, dtype  # torch traces nothing
    found = function(*(tensor.detach().cpu().numpy() for tensor in tensors))
    return torch.from_numpy(found).to(tensors[0].device)


def differentiated(function):
    """See `kapps.layers.kernels.differentiated`."""

    def derivative(tensors, *others):
        tensors = [tensor.detach().requires_grad_() for tensor in tensors]
        with torch.enable_grad():
            number, more = function(tensors, *others)
        found = torch.autograd.grad(number, tensors, allow_unused=True, materialize_grads=True)
        return number.detach(), keras.tree.map_structure(_detached, more), list(found)

    return derivative


def _detached(tensor):
    return None if tensor is None else tensor.detach()
