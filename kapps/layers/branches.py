"""The convolution that trains as a sum of branches: RepVGG's and MobileOne's."""

from keras import layers

from kapps.layers.blocks import Blocks


def branched_conv(
    x,
    nn: Blocks,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    groups=1,
    branches=1,
    identity=True,
    *,
    name,
):
    """A sum of normalised linear branches, one convolution once it is trained.

    They are `branches` convolutions, one of a single pixel where those are larger, and the input
    itself where shapes allow. Every branch normalises for itself, and none has an activation, so
    that `kapps.reparameterize` can add their kernels.

    Source: RepVGG (Ding et al., 2021, arXiv:2101.03697), figure 2, and, for more than one branch,
    MobileOne (Vasu et al., 2022, arXiv:2206.04040), figure 3.

    Args:
        kernel_size: odd, in pixels.
        groups: as many as channels for a filter of each channel.
        identity: whether the input is a branch; RT-DETR's blocks have none.
    """
    channels, shortcut = nn.channels(x), x
    depthwise = groups == channels == filters > 1

    def conv(x, kernel_size, padding, name):
        if depthwise:
            x = nn.depthwise_conv(x, kernel_size, strides, padding=padding, name=f"{name}_conv")
        else:
            x = nn.conv(
                x,
                filters,
                kernel_size,
                strides,
                groups,
                padding=padding,
                use_bias=False,
                name=f"{name}_conv",
            )
        return nn.norm(x, name=f"{name}_norm")

    size = kernel_size // 2
    padded = nn.pad(x, size, name) if strides > 1 and size else x
    padding = "valid" if strides > 1 else "same"
    summands = [conv(padded, kernel_size, padding, f"{name}_{i + 1}") for i in range(branches)]
    if kernel_size > 1:
        summands.append(conv(x, 1, "valid", f"{name}_scale"))
    if identity and strides == 1 and channels == filters:
        summands.append(nn.norm(shortcut, name=f"{name}_identity_norm"))
    return layers.Add(name=f"{name}_add")(summands) if len(summands) > 1 else summands[0]
