"""BN-Inception as Caffe names it, and pretrainedmodels after it."""

from kapps.weights.dialects._dialect import Dialect

BLOCKS = (  # our name, and the numbers of its branches with a 3x3 and with two of them
    (r"3([ab])", "stage3_block{0:number}", 2, 3),
    (r"3(c)", "stage4_block1", 1, 2),
    (r"4([a-d])", "stage4_block{0:number+1}", 2, 3),
    (r"4(e)", "stage5_block1", 1, 2),
    (r"5([ab])", "stage5_block{0:number+1}", 2, 3),
)


def _modules():
    """(Caffe's name, our name) of everything that is a convolution and a normalisation."""
    yield "conv1_7x7_s2", "stem"
    yield "conv2_3x3_reduce", "stage2_block1"
    yield "conv2_3x3", "stage2_block2"
    for letters, ours, three, double in BLOCKS:
        theirs = f"inception_{letters}"
        yield f"{theirs}_1x1", f"{ours}_branch1_1"
        yield f"{theirs}_3x3_reduce", f"{ours}_branch{three}_1"
        yield f"{theirs}_3x3", f"{ours}_branch{three}_2"
        yield f"{theirs}_double_3x3_reduce", f"{ours}_branch{double}_1"
        yield rf"{theirs}_double_3x3_(\d)", f"{ours}_branch{double}_{{1:+1}}"
        yield f"{theirs}_pool_proj", f"{ours}_branch4_1"


CADENE = Dialect(
    "pretrainedmodels",
    "torch",
    rows=(
        *((f"{theirs}_bn", f"{ours}_norm") for theirs, ours in _modules()),
        *((theirs, f"{ours}_conv") for theirs, ours in _modules()),
        (r"last_linear", "predictions"),
    ),
    bgr=True,
)

DIALECTS = (CADENE,)
