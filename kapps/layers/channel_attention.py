"""Attention over channels: weights for each channel, computed from the means of all of them.

`Blocks.squeeze_excite` is the oldest; these are the ones that came after it.
"""

import math

from keras import layers

from kapps.layers.blocks import CHANNELS_LAST, Blocks
from kapps.layers.channels import ChannelSlice
from kapps.layers.initializers import initializer
from kapps.layers.scaling import make_divisible


def efficient_channel_attention(x, nn: Blocks, *, name: str):
    """Scale each channel by a number in [0, 1] computed from the means of its neighbours alone.

    One kernel slides over the channels; it is the odd number next to (log2(channels) + 1) / 2.
    Source: ECA-Net (Wang et al., 2020, arXiv:1910.03151), section 3.2.
    """
    channels = nn.channels(x)
    size = int((math.log2(channels) + 1) / 2)
    s = nn.global_avg_pool(x, name=f"{name}_squeeze")
    s = layers.Reshape((channels, 1), name=f"{name}_sequence")(s)
    s = layers.Conv1D(
        1,
        max(size if size % 2 else size + 1, 3),
        padding="same",
        data_format=CHANNELS_LAST,
        use_bias=False,
        kernel_initializer=initializer(nn.kernel_initializer),
        name=f"{name}_conv",
    )(s)
    s = nn.act(s, "sigmoid", name=f"{name}_gate")
    s = layers.Reshape(_per_channel(nn, channels), name=f"{name}_channels")(s)
    return layers.Multiply(name=f"{name}_scale")([x, s])


def selective_kernel(
    x,
    nn: Blocks,
    filters: int,
    strides: int,
    groups: int = 1,
    *,
    reduced: int,
    split: bool = False,
    name: str,
):
    """A 3x3 and a dilated 3x3 convolution, mixed channel by channel as their means ask for.

    `strides` is 1 or 2; `reduced` is the width of the bottleneck that decides. With `split`, each
    convolution sees half of the channels. Source: Selective Kernel Networks (Li et al., 2019,
    arXiv:1903.06586), equations 1 to 6; the dilated kernel stands for one of 5x5.
    """
    near, far = channel_parts(x, nn, 2, name=f"{name}_part") if split else (x, x)
    near = nn.conv_norm_act(near, filters, 3, strides, groups, name=f"{name}_path1")
    dilation = 2
    if strides == dilation:  # then the kernel sees each second pixel alone, where it is a dense one
        far, dilation = nn.max_pool(far, 1, strides, "valid", name=f"{name}_subsample"), 1
    far = nn.conv_norm_act(far, filters, 3, 1, groups, dilation, name=f"{name}_path2")
    return _soft_selection([near, far], nn, reduced, use_bias=False, name=name)


def split_attention(
    x, nn: Blocks, filters: int, strides: int, groups: int = 1, *, radix: int = 2, name: str
):
    """`radix` 3x3 convolutions of each group, mixed channel by channel as their means ask for.

    Source: ResNeSt (Zhang et al., 2020, arXiv:2004.08955), section 3.1. All the convolutions are
    one with `groups * radix` groups.
    """
    reduced = make_divisible(nn.channels(x) * radix / 4, min_value=32)
    x = nn.conv_norm_act(x, filters * radix, 3, strides, groups * radix, name=name)
    branches = channel_parts(x, nn, radix, name=f"{name}_split")
    return _soft_selection(branches, nn, reduced, use_bias=True, groups=groups, name=name)


def channel_parts(x, nn: Blocks, count: int, *, name: str) -> list:
    """`count` tensors of equally many channels each, by the layers `<name>1` and so on."""
    width = nn.channels(x) // count
    return [
        ChannelSlice(i * width, (i + 1) * width, nn.data_format, name=f"{name}{i + 1}")(x)
        for i in range(count)
    ]


def _soft_selection(branches, nn: Blocks, reduced, *, use_bias, groups=1, name):
    """The sum of branches of one shape, with weights that add up to one in each channel."""
    count, channels = len(branches), nn.channels(branches[0])
    s = layers.Add(name=f"{name}_sum")(branches)
    s = nn.global_avg_pool(s, keepdims=True, name=f"{name}_squeeze")
    s = nn.conv(s, reduced, groups=groups, use_bias=use_bias, name=f"{name}_reduce_conv")
    s = nn.act(nn.norm(s, name=f"{name}_reduce_norm"), name=f"{name}_reduce_act")
    s = nn.conv(s, count * channels, groups=groups, use_bias=use_bias, name=f"{name}_select_conv")
    # The last convolution gives all the branches of its first group, then those of the next.
    s = layers.Reshape((groups, count, channels // groups), name=f"{name}_branches")(s)
    s = layers.Softmax(axis=2, name=f"{name}_weights")(s)
    if groups > 1:
        s = layers.Permute((2, 1, 3), name=f"{name}_order")(s)
    s = layers.Reshape(_per_channel(nn, count * channels), name=f"{name}_channels")(s)
    weights = channel_parts(s, nn, count, name=f"{name}_weight")
    scaled = [
        layers.Multiply(name=f"{name}_scale{i}")([branch, weight])
        for i, (branch, weight) in enumerate(zip(branches, weights, strict=True), 1)
    ]
    return layers.Add(name=f"{name}_mix")(scaled)


def _per_channel(nn: Blocks, channels: int) -> tuple[int, int, int]:
    """The shape of one number a channel that scales an image."""
    return (1, 1, channels) if nn.data_format == CHANNELS_LAST else (channels, 1, 1)
