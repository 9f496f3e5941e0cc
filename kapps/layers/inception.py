"""The mixed block of the Inception families: parallel branches, written as data.

A block is a sequence of branches, a branch a sequence of steps:
    (filters, kernel_size)                    a convolution with what follows it, of the same size
    (filters, kernel_size, strides)           the same without padding
    (filters, kernel_size, strides, padding)  the same with that padding
    (kind, strides, padding)                  3x3 pooling, such as AVG_POOL and MAX_POOL
    [step, step]                              the end of a branch: steps side by side
"""

from itertools import count

from kapps.layers.blocks import CHANNELS_LAST, Blocks
from kapps.layers.pooling import SamePadding2D

AVG_POOL, MAX_POOL = ("avg_pool", 1, "same"), ("max_pool", 2, "valid")


def stem(x, nn: Blocks):
    """Pixels to 192 maps of stride 8, as in Inception-v3 and Inception-ResNet-v2."""
    x = nn.conv_norm_act(x, 32, 3, strides=2, padding="valid", name="stem")
    x = nn.conv_norm_act(x, 32, 3, padding="valid", name="stage1_block1")
    x = nn.conv_norm_act(x, 64, 3, name="stage1_block2")
    x = nn.max_pool(x, 3, 2, "valid", name="stage2_pool")
    x = nn.conv_norm_act(x, 80, 1, name="stage2_block1")
    x = nn.conv_norm_act(x, 192, 3, padding="valid", name="stage2_block2")
    return nn.max_pool(x, 3, 2, "valid", name="stage3_pool")


def mixed(x, nn: Blocks, block, count_padding: bool = False, unit=None, *, name: str):
    """The outputs of all branches of a block side by side.

    Args:
        block: see above.
        count_padding: whether the zeros around the image count in average pooling.
        unit: `unit(x, filters, kernel_size, strides, padding=..., name=...)`, a convolution with
            what follows it; `nn.conv_norm_act` by default.
        name: branch 2's third convolution is `<name>_branch2_3_conv`.
    """
    outputs = []
    for number, steps in enumerate(block, 1):
        branch = f"{name}_branch{number}"
        outputs += _branch(x, nn, steps, count_padding, unit or nn.conv_norm_act, branch)
    return nn.concat(outputs, name=f"{name}_concat")


def side_pool(x, nn: Blocks, least: int, *, name: str):
    """The layer `name`: 5x5 means with stride 3, where a classifier on the side begins.

    Raises:
        ValueError: maps of fewer than `least` pixels a side, of which nothing would be left.
    """
    height, width = x.shape[1:3] if nn.data_format == CHANNELS_LAST else x.shape[2:]
    if min(height, width) < least:
        raise ValueError(
            f"aux=True: maps of {height}x{width} are too small for a classifier on the side, which "
            f"needs {least}x{least}; give a larger input_shape, or drop aux"
        )
    return nn.avg_pool(x, 5, 3, name=name)


def _branch(x, nn, steps, count_padding, unit, name):
    numbers = count(1)

    def convolve(x, filters, kernel_size, strides=1, padding=None):
        padding = padding or ("same" if strides == 1 else "valid")
        return unit(
            x, filters, kernel_size, strides, padding=padding, name=f"{name}_{next(numbers)}"
        )

    def pool(x, kind, strides, padding):
        if kind == "max_pool":
            return nn.max_pool(x, 3, strides, padding, name=f"{name}_pool")
        if count_padding:
            x = SamePadding2D(3, strides, nn.data_format, name=f"{name}_pad")(x)
            padding = "valid"
        return nn.avg_pool(x, 3, strides, padding, name=f"{name}_pool")

    for step in steps:
        if isinstance(step, list):
            return [convolve(x, *parallel) for parallel in step]
        x = pool(x, *step) if isinstance(step[0], str) else convolve(x, *step)
    return [x]
