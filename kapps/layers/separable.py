"""The depthwise separable convolutions of Xception and NASNet, and of the mobile networks."""

from kapps.layers.blocks import Blocks


def separable_norm(x, nn: Blocks, filters: int, kernel_size: int, strides: int = 1, *, name: str):
    """A filter for each channel, a 1x1 convolution with nothing between them, normalisation.

    Source: Xception (Chollet, 2017), section 2. It is Keras's SeparableConv2D in two layers.
    """
    x = nn.depthwise_conv(x, kernel_size, strides, name=f"{name}_depthwise_conv")
    x = nn.conv(x, filters, use_bias=False, name=f"{name}_pointwise_conv")
    return nn.norm(x, name=f"{name}_norm")


def separable_norm_act(
    x, nn: Blocks, filters: int, kernel_size: int, *, dilation: int = 1, name: str
):
    """A filter for each channel and a 1x1 convolution, each with normalisation and activation.

    Source: MobileNets (Howard et al., 2017, arXiv:1704.04861), figure 3.
    """
    x = nn.depthwise_conv(
        x, kernel_size, dilation=dilation, use_bias=nn.use_bias, name=f"{name}_depthwise_conv"
    )
    x = nn.act(nn.norm(x, name=f"{name}_depthwise_norm"), name=f"{name}_depthwise_act")
    return nn.conv_norm_act(x, filters, name=f"{name}_pointwise")
