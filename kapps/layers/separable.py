"""The depthwise separable convolution of Xception and NASNet."""

from kapps.layers.blocks import Blocks


def separable_norm(x, nn: Blocks, filters: int, kernel_size: int, strides: int = 1, *, name: str):
    """A filter for each channel, a 1x1 convolution with nothing between them, normalisation.

    Source: Xception (Chollet, 2017), section 2. It is Keras's SeparableConv2D in two layers.
    """
    x = nn.depthwise_conv(x, kernel_size, strides, name=f"{name}_depthwise_conv")
    x = nn.conv(x, filters, use_bias=False, name=f"{name}_pointwise_conv")
    return nn.norm(x, name=f"{name}_norm")
