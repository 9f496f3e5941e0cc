"""Atrous spatial pyramid pooling: what is near and what is far around each pixel."""

from kapps.layers.blocks import Blocks
from kapps.layers.resizing import BilinearResize


def atrous_pyramid(
    x,
    nn: Blocks,
    filters: int = 256,
    rates=(12, 24, 36),
    *,
    separable: bool = False,
    dropout: float = 0.5,
    name: str = "aspp",
):
    """A 1x1 convolution, a 3x3 one with each rate and the mean of the image, mixed by a 1x1 one.

    Sources: Rethinking Atrous Convolution (Chen et al., 2017, arXiv:1706.05587), section 3.3,
    DeepLabV3, as torchvision's `ASPP`; with `separable` that of DeepLabV3+ (Chen et al., 2018,
    arXiv:1802.02611), section 3.1.

    Args:
        x: the map. nn: the conventions.
        filters: of each branch and of the result.
        rates: dilations; (6, 12, 18) at stride 16, doubled at stride 8.
        separable: whether the 3x3 convolutions are depthwise, with a 1x1 one after them.
        dropout: rate behind all.
        name: before the names of the layers.
    """
    branches = [nn.conv_norm_act(x, filters, name=f"{name}_point")]
    for rate in rates:
        if separable:
            y = nn.depthwise_conv(x, 3, dilation=rate, name=f"{name}_rate{rate}_depthwise_conv")
            y = nn.norm(y, name=f"{name}_rate{rate}_depthwise_norm")
            y = nn.act(y, name=f"{name}_rate{rate}_depthwise_act")
            y = nn.conv_norm_act(y, filters, name=f"{name}_rate{rate}")
        else:
            y = nn.conv_norm_act(x, filters, 3, dilation=rate, name=f"{name}_rate{rate}")
        branches.append(y)
    mean = nn.global_avg_pool(x, keepdims=True, name=f"{name}_mean")
    mean = nn.conv_norm_act(mean, filters, name=f"{name}_image")
    branches.append(BilinearResize(False, nn.data_format, name=f"{name}_image_resize")([mean, x]))
    y = nn.concat(branches, name=f"{name}_concat")
    y = nn.conv_norm_act(y, filters, name=f"{name}_merge")
    return nn.dropout(y, dropout, name=f"{name}_dropout")
