"""The skeleton of the residual networks: stems, blocks, shortcuts, and the stages that repeat them.

A family is this skeleton with one part changed: what its 3x3 convolution is (`spatial`), what
weighs the channels at the end of a block (`attention`), how a shortcut gets its size (`shortcut`).
Each part is a function of `(x, nn, ..., name=...)`.
"""

from kapps.layers.blocks import Blocks
from kapps.layers.scaling import drop_path_rates

FILTERS = (64, 128, 256, 512)  # of the four stages: table 1 of ResNet


def residual_stem(x, nn: Blocks, filters: tuple[int, ...] = (64,)):
    """Halve the image in one 7x7 convolution, or in three of 3x3 where `filters` has three numbers.

    Source: ResNet (He et al., 2015), table 1; Bag of Tricks (He et al., 2018), figure 2b.
    """
    if len(filters) == 1:
        return nn.conv_norm_act(x, filters[0], 7, strides=2, name="stem")
    x = nn.conv_norm_act(x, filters[0], 3, strides=2, name="stem")
    for index, width in enumerate(filters[1:], 2):
        x = nn.conv_norm_act(x, width, 3, name=f"stem_{index}")
    return x


def convolution(x, nn: Blocks, filters: int, strides: int, groups: int = 1, *, name: str):
    """The 3x3 convolution of a plain block."""
    return nn.conv_norm_act(x, filters, 3, strides, groups=groups, name=name)


def basic(x, nn: Blocks, filters: int, strides: int, *, spatial=convolution, attention=None, name):
    """Two 3x3 convolutions: figure 5 of ResNet, left."""
    x = spatial(x, nn, filters, strides, name=f"{name}_1")
    x = nn.conv_norm_act(x, filters, 3, activation=False, name=f"{name}_2")
    return attention(x, nn, name=name) if attention else x


def bottleneck(
    x,
    nn: Blocks,
    filters: int,
    strides: int,
    *,
    groups: int = 1,
    width: int = 64,
    reduction: int = 1,
    strides_on: int = 3,
    spatial=convolution,
    attention=None,
    name: str,
):
    """1x1, 3x3 and 1x1 convolutions: figure 5 of ResNet, right.

    `width` counts the filters of a group for 64 `filters`; `reduction` divides those of the first
    convolution; `strides_on` is the size of the convolution that strides, 1 or 3.
    """
    inner = filters * width // 64 * groups
    first, second = (strides, 1) if strides_on == 1 else (1, strides)
    x = nn.conv_norm_act(x, inner // reduction, 1, first, name=f"{name}_1")
    x = spatial(x, nn, inner, second, groups, name=f"{name}_2")
    x = nn.conv_norm_act(x, 4 * filters, activation=False, name=f"{name}_3")
    return attention(x, nn, name=name) if attention else x


def projection(x, nn: Blocks, filters: int, strides: int, *, kernel_size: int = 1, name: str):
    """A shortcut through a convolution; one that strides may see more than a pixel."""
    size = kernel_size if strides > 1 else 1
    return nn.conv_norm_act(x, filters, size, strides, activation=False, name=name)


def pooled_projection(x, nn: Blocks, filters: int, strides: int, *, name: str):
    """A shortcut that forgets no pixel: the mean of each square, then a 1x1 convolution.

    Source: Bag of Tricks (He et al., 2018), figure 2c. At an odd edge the mean is over the pixels.
    """
    if strides > 1:
        x = nn.avg_pool(x, strides, strides, "same", name=f"{name}_pool")
    return nn.conv_norm_act(x, filters, activation=False, name=name)


def residual_stages(
    x, nn: Blocks, depths: tuple[int, ...], branch, shortcut=projection, drop_path: float = 0.0
):
    """Stages of residual blocks; the first block of each but the first stage halves the image.

    `branch(x, nn, filters, strides, name=...)` is what a block adds to its input; `shortcut`, of
    the same arguments, is there where the branch has other channels.
    """
    rates = iter(drop_path_rates(drop_path, sum(depths), last=True))
    for stage, (filters, blocks) in enumerate(zip(FILTERS, depths, strict=True), 1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            strides = 2 if block == 1 and stage > 1 else 1
            y = branch(x, nn, filters, strides, name=name)
            if nn.channels(x) != nn.channels(y):
                x = shortcut(x, nn, nn.channels(y), strides, name=f"{name}_shortcut")
            x = nn.act(nn.residual(x, y, next(rates), name=name), name=f"{name}_act")
    return x
