"""Transposed convolution: the way back from a strided one."""

from keras import layers

from kapps.layers.blocks import Blocks
from kapps.layers.initializers import initializer


def conv_transpose(
    x, nn: Blocks, filters: int, kernel_size: int, strides: int = 2, use_bias=True, *, name: str
):
    """The layer `name`, whose output is `strides` times as high and wide as `x`.

    Each pixel adds its value times the kernel to the output. Of the `kernel_size - strides` rows
    and columns by which that is too large, "symmetric" padding drops `(kernel_size - 1) // 2` at
    the start and the rest at the end: torch's ConvTranspose2d with that padding and, for an odd
    kernel, `output_padding=strides - 1`. "same" is TensorFlow's.

    Source: A guide to convolution arithmetic for deep learning (Dumoulin and Visin, 2016,
    arXiv:1603.07285), chapter 4.
    """
    symmetric = nn.padding == "symmetric"
    x = layers.Conv2DTranspose(
        filters,
        kernel_size,
        strides,
        padding="valid" if symmetric else nn.padding,
        use_bias=use_bias,
        data_format=nn.data_format,
        kernel_initializer=initializer(nn.kernel_initializer),
        bias_initializer=initializer("zeros"),
        name=name,
    )(x)
    start = (kernel_size - 1) // 2
    end = kernel_size - strides - start
    if symmetric and (start or end):
        crop = layers.Cropping2D(((start, end),) * 2, nn.data_format, name=f"{name}_crop")
        x = crop(x)
    return x


def conv_transpose_norm_act(
    x,
    nn: Blocks,
    filters: int,
    kernel_size: int,
    strides: int = 2,
    activation: str | bool | None = None,
    *,
    name: str,
):
    """Transposed convolution, normalisation, activation; `activation=False` leaves it out."""
    x = conv_transpose(x, nn, filters, kernel_size, strides, nn.use_bias, name=f"{name}_conv")
    x = nn.norm(x, name=f"{name}_norm")
    return x if activation is False else nn.act(x, activation, name=f"{name}_act")
