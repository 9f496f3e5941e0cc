"""JAX on a CPU: convolutions by what XLA computes well, products of matrices and fused loops.

Of a 1x1 convolution XLA computes the kernel's gradient up to ten times slower than as a product.

XLA computes a convolution with groups on a CPU one number after the other. Written as a sum over
the kernel's cells, of the image shifted by the cell and multiplied by its weights, it becomes one
loop over memory with vectors of channels. On GPU and TPU XLA's own convolution stays.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["conv", "depthwise_conv"]

BLOCK = 32  # channels of the groups that are computed together, if one group has fewer
UNROLLED = 16  # summands of one fused loop; more take longer to compile and gain nothing


def conv(x, kernel, bias, strides, padding, dilation, data_format):
    """See `kapps.layers.kernels`; 1x1 kernels and groups, on a CPU."""
    first = data_format == "channels_first"
    channels = x.shape[1 if first else -1]
    groups = channels // kernel.shape[2]
    if jax.default_backend() != "cpu" or (kernel.shape[:2] != (1, 1) and groups == 1):
        return None
    kernel = jnp.asarray(kernel)
    x = jnp.asarray(x, kernel.dtype)
    x = jnp.moveaxis(x, 1, -1) if first else x
    if groups == 1:
        y = _pointwise(x[:, :: strides[0], :: strides[1]], kernel[0, 0])
    else:
        y = _grouped(x, kernel, groups, strides, padding, dilation)
    y = y if bias is None else y + jnp.asarray(bias)
    return jnp.moveaxis(y, -1, 1) if first else y


def _pointwise(x, matrix):
    """A 1x1 convolution as one product of matrices."""
    y = x.reshape(-1, matrix.shape[0]) @ matrix
    return y.reshape(*x.shape[:3], matrix.shape[1])


def _grouped(x, kernel, groups, strides, padding, dilation):
    """Several groups at a time in one convolution, whose kernel has zeros between the groups."""
    height, width, channels, filters = kernel.shape
    several = max(
        n for n in range(1, groups + 1) if groups % n == 0 and n * channels <= BLOCK or n == 1
    )
    blocks, of_group = groups // several, filters // groups
    cells = kernel.reshape(height, width, channels, blocks, several, of_group)
    apart = jnp.eye(several, dtype=kernel.dtype)
    dense = jnp.einsum("hwcbgf,gk->bhwkcgf", cells, apart)
    dense = dense.reshape(blocks, height, width, several * channels, several * of_group)
    pieces = [
        lax.conv_general_dilated(
            piece,
            block,
            strides,
            padding.upper(),
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        for piece, block in zip(jnp.split(x, blocks, axis=-1), dense, strict=True)
    ]
    return jnp.concatenate(pieces, axis=-1)


def depthwise_conv(x, kernel, bias, strides, padding, dilation, data_format):
    """See `kapps.layers.kernels`."""
    if jax.default_backend() != "cpu":
        return None
    kernel = jnp.asarray(kernel)
    x = jnp.asarray(x, kernel.dtype)
    first = data_format == "channels_first"
    x = jnp.moveaxis(x, 1, -1) if first else x
    height, width, channels, multiplier = kernel.shape
    if multiplier > 1:
        x = jnp.repeat(x, multiplier, axis=-1)
    x = _padded(x, (height, width), strides, padding, dilation)
    kernel = kernel.reshape(height, width, channels * multiplier)
    y = _filtered(x, kernel, tuple(strides), tuple(dilation))
    y = y if bias is None else y + jnp.asarray(bias)
    return jnp.moveaxis(y, -1, 1) if first else y


def _padded(x, kernel_size, strides, padding, dilation):
    """`x` (batch, height, width, channels) with the zeros of TensorFlow's "same"."""
    if padding == "valid":
        return x
    widths = [(0, 0)]
    for size, kernel, stride, step in zip(
        x.shape[1:3], kernel_size, strides, dilation, strict=True
    ):
        total = max((-(-size // stride) - 1) * stride + (kernel - 1) * step + 1 - size, 0)
        widths.append((total // 2, total - total // 2))
    return jnp.pad(x, (*widths, (0, 0)))


def _shifted(x, kernel_size, strides, dilation):
    """For each cell of the kernel, the pixels of `x` that it meets."""
    (height, width), (down, right), (step_y, step_x) = kernel_size, strides, dilation
    rows = (x.shape[1] - (height - 1) * step_y - 1) // down + 1
    columns = (x.shape[2] - (width - 1) * step_x - 1) // right + 1
    for i in range(0, height * step_y, step_y):
        for j in range(0, width * step_x, step_x):
            end = (x.shape[0], i + (rows - 1) * down + 1, j + (columns - 1) * right + 1, x.shape[3])
            yield lax.slice(x, (0, i, j, 0), end, (1, down, right, 1))


def _correlated(x, kernel, strides, dilation):
    """Each channel of `x`, without padding, filtered by its plane of `kernel` (h, w, channels)."""
    size = kernel.shape[:2]
    cells = kernel.reshape(-1, kernel.shape[2])
    return sum(
        piece * cell
        for piece, cell in zip(_shifted(x, size, strides, dilation), cells, strict=True)
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _filtered(x, kernel, strides, dilation):
    return _correlated(x, kernel, strides, dilation)


def _forward(x, kernel, strides, dilation):
    return _correlated(x, kernel, strides, dilation), (x, kernel)


def _backward(strides, dilation, kept, gradient):
    x, kernel = kept
    return (
        _image_gradient(x, kernel, gradient, strides, dilation),
        _kernel_gradient(x, kernel, gradient, strides, dilation),
    )


_filtered.defvjp(_forward, _backward)


def _image_gradient(x, kernel, gradient, strides, dilation):
    if max(strides) > 1:
        return jax.vjp(lambda x: _correlated(x, kernel, strides, dilation), x)[1](gradient)[0]
    around = [(step * (size - 1),) * 2 for size, step in zip(kernel.shape, dilation, strict=False)]
    padded = jnp.pad(gradient, ((0, 0), *around, (0, 0)))
    return _correlated(padded, kernel[::-1, ::-1], strides, dilation)


def _kernel_gradient(x, kernel, gradient, strides, dilation):
    """The sum over all pixels, in two steps: XLA's own reduction of shifted images is slow.

    The first one adds images, which is one fused loop; the second is a product with ones.
    """
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    batch, channels = x.shape[0], x.shape[3]
    parts = next(n for n in range(min(batch, UNROLLED), 0, -1) if batch % n == 0)
    size = batch // parts
    sums = []
    for piece in _shifted(x, kernel.shape[:2], strides, dilation):
        images = sum(
            piece[i : i + size].astype(dtype) * gradient[i : i + size].astype(dtype)
            for i in range(0, batch, size)
        )
        rows = images.reshape(-1, channels)
        sums.append(jnp.ones((1, len(rows)), dtype) @ rows)
    return jnp.stack(sums).reshape(kernel.shape).astype(kernel.dtype)
