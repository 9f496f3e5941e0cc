"""Inception-ResNet-v2 as Keras and timm name it."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._keras import by_rank

STEM = {  # TF-slim's name, timm's name and ours
    ("Conv2d_1a_3x3", "conv2d_1a"): "stem",
    ("Conv2d_2a_3x3", "conv2d_2a"): "stage1_block1",
    ("Conv2d_2b_3x3", "conv2d_2b"): "stage1_block2",
    ("Conv2d_3b_1x1", "conv2d_3b"): "stage2_block1",
    ("Conv2d_4a_3x3", "conv2d_4a"): "stage2_block2",
    ("Conv2d_7b_1x1", "conv2d_7b"): "stage5_block12",
}
RESIDUAL = (  # Keras's and TF-slim's blocks and ours
    (r"[Bb]lock35_(\d+)", "stage3_block{0:+1}"),
    (r"[Bb]lock17_(\d+)", "stage4_block{0:+1}"),
    (r"[Bb]lock8_(\d+)", "stage5_block{0:+1}"),
)


def _slim_modules():
    """(TF-slim's name, our name) of everything that is a convolution and a normalisation."""
    for (slim, _), ours in STEM.items():
        yield slim, ours
    # 0a, 0b and 0c come one after the other, 1a is the one with strides and comes last.
    yield r"Mixed_5b_Branch_3_Conv2d_0b_1x1", "stage3_block1_branch4_1"  # 0a is a pool
    yield r"Mixed_6a_Branch_0_Conv2d_1a_3x3", "stage4_block1_branch1_1"
    yield r"Mixed_6a_Branch_1_Conv2d_1a_3x3", "stage4_block1_branch2_3"
    yield r"Mixed_7a_Branch_([01])_Conv2d_1a_3x3", "stage5_block1_branch{0:+1}_2"
    yield r"Mixed_7a_Branch_2_Conv2d_1a_3x3", "stage5_block1_branch3_3"
    mixed = ((r"Mixed_5b", "stage3_block1"), (r"Mixed_6a", "stage4_block1"))
    for block, ours in (*mixed, (r"Mixed_7a", "stage5_block1"), *RESIDUAL):
        group = block.count("(")
        branch, step = f"{{{group}:+1}}", f"{{{group + 1}:number}}"
        yield rf"{block}_Branch_(\d)_Conv2d_1x1", f"{ours}_branch{branch}_1"
        yield rf"{block}_Branch_(\d)_Conv2d_0([abc])_.+", f"{ours}_branch{branch}_{step}"


KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv2d(?:_(\d+))?", "{0:conv}_conv"),
        (r"batch_normalization(?:_(\d+))?", "{0:conv}_norm"),
        (r"conv_7b", "stage5_block12_conv"),
        (r"conv_7b_bn", "stage5_block12_norm"),
        (r"predictions", "predictions"),
        # The published files are older than this network in Keras and have TF-slim's names.
        *((rf"{slim}_BatchNorm", f"{ours}_norm") for slim, ours in _slim_modules()),
        *((slim, f"{ours}_conv") for slim, ours in _slim_modules()),
        *((rf"{block}_(?:conv|Conv2d_1x1)", f"{ours}_project_conv") for block, ours in RESIDUAL),
        (r"Logits", "predictions"),
    ),
    prepare=by_rank("conv2d", "batch_normalization"),
    orders={"conv": r"(stem|stage[12]_block\d|stage\d_block\d+_branch\d_\d)_conv$"},
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
    for (_, timm), ours in STEM.items():
        yield timm, ours
    yield r"mixed_5b\.branch3\.1", "stage3_block1_branch4_1"  # behind a pool that is step 0
    for block, ours in BLOCKS:
        group = block.count("(")
        branch, step = f"{{{group}:+1}}", f"{{{group + 1}:+1}}"
        yield rf"{block}\.branch(\d)", f"{ours}_branch{branch}_1"
        yield rf"{block}\.branch(\d)\.(\d)", f"{ours}_branch{branch}_{step}"


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
