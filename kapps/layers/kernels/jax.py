"""JAX on a CPU: convolutions by what XLA computes well, products of matrices and fused loops.

Of a 1x1 convolution XLA computes the kernel's gradient up to ten times slower than as a product.

XLA computes a convolution with groups on a CPU one number after the other. Written as a sum over
the kernel's cells, of the image shifted by the cell and multiplied by its weights, it becomes one
loop over memory with vectors of channels. On GPU and TPU XLA's own convolution stays.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import keras
from jax import lax

__all__ = ["batch_statistics_norm", "conv", "depthwise_conv", "differentiated", "on_host"]

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
    kernel = kernel.reshape(height, width, channels * multiplier)
    y = _filtered(x, kernel, tuple(strides), padding, tuple(dilation))
    y = y if bias is None else y + jnp.asarray(bias)
    return jnp.moveaxis(y, -1, 1) if first else y


class _Grid(NamedTuple):
    """Where the cells of a kernel meet an image.

    Of an image that moves by `strides`, a cell meets the pixels of one remainder: the image is
    taken apart into one smaller image for each remainder, in which the kernel moves by one.
    """

    strides: tuple[int, int]
    size: tuple[int, int]  # height and width of what comes out
    widths: tuple[tuple[int, int], ...]  # zeros around the image, less than none cut it
    cells: tuple[tuple[tuple[int, int], tuple[int, int]], ...]  # (remainder, shift) of each

    @property
    def apart(self) -> tuple[int, int]:
        """Height and width of an image of one remainder."""
        shifts = [shift for _, shift in self.cells]
        return tuple(n + max(s[i] for s in shifts) for i, n in enumerate(self.size))


def _grid(shape, kernel_size, strides, padding, dilation) -> _Grid:
    sizes, widths, offsets = [], [], []
    axes = zip(shape[1:3], kernel_size, strides, dilation, strict=True)
    for size, kernel, stride, step in axes:
        reach = (kernel - 1) * step
        out = -(-size // stride) if padding == "same" else (size - reach - 1) // stride + 1
        before = max((out - 1) * stride + reach + 1 - size, 0) // 2 if padding == "same" else 0
        sizes.append(out)
        widths.append((before, (out + reach // stride) * stride - size - before))
        offsets.append([divmod(i * step, stride) for i in range(kernel)])
    cells = [((y[1], x[1]), (y[0], x[0])) for y in offsets[0] for x in offsets[1]]
    return _Grid(tuple(strides), tuple(sizes), tuple(widths), tuple(cells))


def _taken_apart(x, grid: _Grid) -> dict:
    """The image of each remainder."""
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((*w, 0) for w in grid.widths), (0, 0, 0)))
    (down, right), (height, width) = grid.strides, grid.apart
    if (down, right) == (1, 1):
        return {(0, 0): x}
    x = x.reshape(len(x), height, down, width, right, x.shape[3])
    return {(i, j): x[:, :, i, :, j] for i in range(down) for j in range(right)}


def _put_together(parts: dict, grid: _Grid):
    """The image without its padding; the reverse of `_taken_apart`."""
    (down, right), (height, width) = grid.strides, grid.apart
    rows = [jnp.stack([parts[i, j] for j in range(right)], 3) for i in range(down)]
    x = jnp.stack(rows, 2)
    x = x.reshape(len(x), height * down, width * right, x.shape[-1])
    cuts = ((0, 0, 0), *((-a, -b, 0) for a, b in grid.widths), (0, 0, 0))
    return lax.pad(x, jnp.zeros((), x.dtype), cuts)


def _window(x, shift, size, images=None):
    """The part of `x` that begins at `shift`; `images` is a range of them."""
    first, last = images or (0, len(x))
    end = (last, shift[0] + size[0], shift[1] + size[1], x.shape[3])
    return lax.slice(x, (first, *shift, 0), end)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _filtered(x, kernel, strides, padding, dilation):
    """Each channel of `x` filtered by its plane of `kernel` (height, width, channels)."""
    grid = _grid(x.shape, kernel.shape[:2], strides, padding, dilation)
    parts = _taken_apart(x, grid)
    weights = kernel.reshape(-1, kernel.shape[2])
    return sum(
        _window(parts[remainder], shift, grid.size) * weight
        for (remainder, shift), weight in zip(grid.cells, weights, strict=True)
    )


def _forward(x, kernel, strides, padding, dilation):
    return _filtered(x, kernel, strides, padding, dilation), (x, kernel)


def _backward(strides, padding, dilation, kept, gradient):
    x, kernel = kept
    grid = _grid(x.shape, kernel.shape[:2], strides, padding, dilation)
    return _image_gradient(kernel, gradient, grid), _kernel_gradient(x, kernel, gradient, grid)


_filtered.defvjp(_forward, _backward)


def _image_gradient(kernel, gradient, grid):
    around = [
        (apart - size, apart - size, 0) for apart, size in zip(grid.apart, grid.size, strict=True)
    ]
    padded = lax.pad(gradient, jnp.zeros((), gradient.dtype), ((0, 0, 0), *around, (0, 0, 0)))
    weights = kernel.reshape(-1, kernel.shape[2])
    parts = {
        (i, j): jnp.zeros((len(gradient), *grid.apart, kernel.shape[2]), gradient.dtype)
        for i in range(grid.strides[0])
        for j in range(grid.strides[1])
    }
    for (remainder, shift), weight in zip(grid.cells, weights, strict=True):
        start = [width[0] - back for width, back in zip(around, shift, strict=True)]
        parts[remainder] += _window(padded, start, grid.apart) * weight
    return _put_together(parts, grid)


def _kernel_gradient(x, kernel, gradient, grid):
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    parts = _taken_apart(x, grid)

    def seen(cell, first, last):
        remainder, shift = cell
        window = _window(parts[remainder], shift, grid.size, (first, last))
        return window.astype(dtype) * gradient[first:last].astype(dtype)

    sums = [_summed(functools.partial(seen, cell), len(x)) for cell in grid.cells]
    return jnp.stack(sums).reshape(kernel.shape).astype(kernel.dtype)


def _summed(values, batch):
    """The sum over all pixels; `values(first, last)` are those of a range of images.

    XLA's own reduction is slow, or writes the values first. Here the first step adds images, which
    is one fused loop; the second is a product with ones.
    """
    parts = next(n for n in range(min(batch, UNROLLED), 0, -1) if batch % n == 0)
    size = batch // parts
    images = sum(values(i, i + size) for i in range(0, batch, size))
    rows = images.reshape(-1, images.shape[-1])
    return (jnp.ones((1, len(rows)), rows.dtype) @ rows)[0]


def batch_statistics_norm(x, gamma, beta, epsilon, axis):
    """See `kapps.layers.kernels`; images with channels last, whole on one CPU."""
    shared = keras.distribution.distribution() is not None  # then single images are on devices
    if jax.default_backend() != "cpu" or shared or x.ndim != 4 or axis % 4 != 3:
        return None
    x = jnp.asarray(x, jnp.promote_types(x.dtype, jnp.float32))
    channels = (x.shape[3],)
    gamma = jnp.ones(channels, x.dtype) if gamma is None else jnp.asarray(gamma, x.dtype)
    beta = jnp.zeros(channels, x.dtype) if beta is None else jnp.asarray(beta, x.dtype)
    y, mean, variance = _normalized(x, gamma, beta, epsilon)
    return y, lax.stop_gradient(mean), lax.stop_gradient(variance)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalized(x, gamma, beta, epsilon):
    mean = jnp.mean(x, (0, 1, 2))
    variance = _summed(lambda *images: jnp.square(x[slice(*images)] - mean), len(x))
    variance = variance * (x.shape[3] / x.size)
    scale = gamma * lax.rsqrt(variance + epsilon)
    return x * scale + (beta - mean * scale), mean, variance


def _normalized_forward(x, gamma, beta, epsilon):
    y, mean, variance = _normalized(x, gamma, beta, epsilon)
    return (y, mean, variance), (x, gamma, mean, variance)


def _normalized_backward(epsilon, kept, gradients):
    """Source: Ioffe and Szegedy (2015, arXiv:1502.03167), section 3: two sums and one loop."""
    x, gamma, mean, variance = kept
    y = gradients[0]  # nobody asks for those of the statistics
    inverse = lax.rsqrt(variance + epsilon)
    share = x.shape[3] / x.size

    def along(first, last):
        return y[first:last] * (x[first:last] - mean)

    beta = _summed(lambda *images: y[slice(*images)], len(x))
    along_x = _summed(along, len(x)) * inverse
    centred = y - beta * share - (x - mean) * (inverse * along_x * share)
    return centred * (gamma * inverse), along_x, beta


_normalized.defvjp(_normalized_forward, _normalized_backward)


def on_host(function, tensors, shape, dtype):
    """See `kapps.layers.kernels.on_host`."""
    found = jax.ShapeDtypeStruct(shape, dtype)
    return jax.pure_callback(function, found, *tensors, vmap_method="sequential")


def differentiated(function):
    """See `kapps.layers.kernels.differentiated`."""
    compiled = jax.jit(jax.value_and_grad(function, has_aux=True))

    def derivative(tensors, *others):
        (number, more), gradients = compiled(tensors, *others)
        return number, more, gradients

    return derivative
