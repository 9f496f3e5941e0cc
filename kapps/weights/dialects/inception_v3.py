"""InceptionV3 as Keras names it, and as timm and torchvision do."""

from kapps.weights.dialects._dialect import Dialect
from kapps.weights.dialects._keras import by_rank

KERAS = Dialect(
    "keras",
    "keras",
    rows=(
        (r"conv2d(?:_(\d+))?", "{0:conv}_conv"),
        (r"batch_normalization(?:_(\d+))?", "{0:conv}_norm"),
        (r"predictions", "predictions"),
    ),
    prepare=by_rank("conv2d", "batch_normalization"),
    orders={"conv": r"(stem|stage.+)_conv$"},
)

STEM = {
    "Conv2d_1a_3x3": "stem",
    "Conv2d_2a_3x3": "stage1_block1",
    "Conv2d_2b_3x3": "stage1_block2",
    "Conv2d_3b_1x1": "stage2_block1",
    "Conv2d_4a_3x3": "stage2_block2",
}
BLOCKS = (  # blocks of one kind, our name of them, and their branches in our order
    (
        r"Mixed_5([b-d])",
        "stage3_block{0:number-1}",
        (r"branch1x1", r"branch5x5_(\d)", r"branch3x3dbl_(\d)", r"branch_pool"),
    ),
    (r"Mixed_6(a)", "stage4_block1", (r"branch3x3", r"branch3x3dbl_(\d)")),
    (
        r"Mixed_6([b-e])",
        "stage4_block{0:number}",
        (r"branch1x1", r"branch7x7_(\d)", r"branch7x7dbl_(\d)", r"branch_pool"),
    ),
    (r"Mixed_7(a)", "stage5_block1", (r"branch3x3_(\d)", r"branch7x7x3_(\d)")),
    (
        r"Mixed_7([bc])",
        "stage5_block{0:number}",
        (r"branch1x1", r"branch3x3_(\d)", r"branch3x3dbl_(\d)", r"branch_pool"),
    ),
)
PARALLEL = {  # the two convolutions at the end of a branch
    r"branch3x3_2a": "branch2_2",
    r"branch3x3_2b": "branch2_3",
    r"branch3x3dbl_3a": "branch3_3",
    r"branch3x3dbl_3b": "branch3_4",
}


def _modules():
    """(torch's name, our name) of everything that is a convolution and a normalisation."""
    yield from STEM.items()
    for block, ours, branches in BLOCKS:
        for number, branch in enumerate(branches, 1):
            yield (
                rf"{block}\.{branch}",
                f"{ours}_branch{number}_{{1}}" if "(" in branch else f"{ours}_branch{number}_1",
            )
    for branch, ours in PARALLEL.items():
        yield rf"Mixed_7([bc])\.{branch}", f"stage5_block{{0:number}}_{ours}"
    yield r"AuxLogits\.conv([01])", "aux_{0:+1}"


TORCH = Dialect(
    "timm",
    "torch",
    rows=(
        *((rf"{theirs}\.conv", f"{ours}_conv") for theirs, ours in _modules()),
        *((rf"{theirs}\.bn", f"{ours}_norm") for theirs, ours in _modules()),
        (r"AuxLogits\.fc", "aux_predictions"),
        (r"fc", "predictions"),
    ),
    ignore=(r"AuxLogits\..*",),  # the classifier on the side, which helps only in training
)

DIALECTS = (KERAS, TORCH)
