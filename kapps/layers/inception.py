"""The mixed block of the Inception families: parallel branches, written as data.

A block is a sequence of branches, a branch a sequence of steps:
    (filters, kernel_size)           convolution, normalisation, activation, of the same size
    (filters, kernel_size, strides)  the same without padding
    AVG_POOL, MAX_POOL               3x3 with stride 1 and padding; 3x3 with stride 2 and without
    [step, step]                     the end of a branch: steps side by side
"""

from itertools import count

from kapps.layers.blocks import Blocks
from kapps.layers.pooling import SamePadding2D

AVG_POOL, MAX_POOL = "avg_pool", "max_pool"


def stem(x, nn: Blocks):
    """Pixels to 192 maps of stride 8, as in Inception-v3 and Inception-ResNet-v2."""
    x = nn.conv_norm_act(x, 32, 3, strides=2, padding="valid", name="stem")
    x = nn.conv_norm_act(x, 32, 3, padding="valid", name="stage1_block1")
    x = nn.conv_norm_act(x, 64, 3, name="stage1_block2")
    x = nn.max_pool(x, 3, 2, "valid", name="stage2_pool")
    x = nn.conv_norm_act(x, 80, 1, name="stage2_block1")
    x = nn.conv_norm_act(x, 192, 3, padding="valid", name="stage2_block2")
    return nn.max_pool(x, 3, 2, "valid", name="stage3_pool")


def mixed(x, nn: Blocks, block, count_padding: bool = False, *, name: str):
    """The outputs of all branches of a block side by side.

    Args:
        block: see above.
        count_padding: whether the zeros around the image count in average pooling.
        name: branch 2's third convolution is `<name>_branch2_3_conv`.
    """
    outputs = []
    for number, steps in enumerate(block, 1):
        outputs += _branch(x, nn, steps, count_padding, f"{name}_branch{number}")
    return nn.concat(outputs, name=f"{name}_concat")


def _branch(x, nn, steps, count_padding, name):
    numbers = count(1)

    def convolve(x, filters, kernel_size, strides=1):
        padding = "same" if strides == 1 else "valid"
        name_ = f"{name}_{next(numbers)}"
        return nn.conv_norm_act(x, filters, kernel_size, strides, padding=padding, name=name_)

    for step in steps:
        if step == AVG_POOL and count_padding:
            x = SamePadding2D(3, 1, nn.data_format, name=f"{name}_pad")(x)
            x = nn.avg_pool(x, 3, 1, "valid", name=f"{name}_pool")
        elif step == AVG_POOL:
            x = nn.avg_pool(x, 3, 1, "same", name=f"{name}_pool")
        elif step == MAX_POOL:
            x = nn.max_pool(x, 3, 2, "valid", name=f"{name}_pool")
        elif isinstance(step, list):
            return [convolve(x, *parallel) for parallel in step]
        else:
            x = convolve(x, *step)
    return [x]
