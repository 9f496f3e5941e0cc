"""Inception-ResNet-v2 as Keras and timm name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._keras import by_rank

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv2d(?:_(\d+))?", "{0:numbered}_conv"),
        (r"batch_normalization(?:_(\d+))?", "{0:numbered}_norm"),
        (r"block35_(\d+)_conv", "stage3_block{0:+1}_project_conv"),
        (r"block17_(\d+)_conv", "stage4_block{0:+1}_project_conv"),
        (r"block8_(\d+)_conv", "stage5_block{0:+1}_project_conv"),
        (r"conv_7b", "stage5_block12_conv"),
        (r"conv_7b_bn", "stage5_block12_norm"),
        (r"predictions", "predictions"),
    ),
    prepare=by_rank("conv2d", "batch_normalization"),
    numbered=r"(stem|stage[12]_block\d|stage\d_block\d+_branch\d_\d)_conv$",
)

BLOCKS = (
    (r"mixed_5b", "stage3_block1"),
    (r"repeat\.(\d+)", "stage3_block{0:+2}"),
    (r"mixed_6a", "stage4_block1"),
    (r"repeat_1\.(\d+)", "stage4_block{0:+2}"),
    (r"mixed_7a", "stage5_block1"),
    (r"repeat_2\.(\d+)", "stage5_block{0:+2}"),
    (r"block8", "stage5_block11"),
)


def _modules():
    """(timm's name, our name) of everything that is a convolution and a normalisation."""
    yield r"conv2d_1a", "stem"
    yield r"conv2d_2a", "stage1_block1"
    yield r"conv2d_2b", "stage1_block2"
    yield r"conv2d_3b", "stage2_block1"
    yield r"conv2d_4a", "stage2_block2"
    yield r"mixed_5b\.branch3\.1", "stage3_block1_branch4_1"  # behind a pool that is step 0
    for block, ours in BLOCKS:
        group = block.count("(")
        branch, step = f"{{{group}:+1}}", f"{{{group + 1}:+1}}"
        yield rf"{block}\.branch(\d)", f"{ours}_branch{branch}_1"
        yield rf"{block}\.branch(\d)\.(\d)", f"{ours}_branch{branch}_{step}"
    yield r"conv2d_7b", "stage5_block12"


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *((rf"{theirs}\.conv", f"{ours}_conv") for theirs, ours in _modules()),
        *((rf"{theirs}\.bn", f"{ours}_norm") for theirs, ours in _modules()),
        *((rf"{theirs}\.conv2d", f"{ours}_project_conv") for theirs, ours in BLOCKS),
        (r"classif", "predictions"),
    ),
)

DIALECTS = (KERAS, TIMM)
