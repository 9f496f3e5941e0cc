"""Inception-v4 as timm names it."""

from kapps.weights.dialects._dialect import Dialect

# timm numbers the layers of the stem and the blocks in one row.
BLOCKS = (
    (r"([34])", "stage2_block{0:-2}"),
    (r"([5-9])", "stage3_block{0:-4}"),
    (r"(1[0-7])", "stage4_block{0:-9}"),
    (r"(18|19|2[01])", "stage5_block{0:-17}"),
)


def _modules():
    """(timm's name, our name) of everything that is a convolution and a normalisation."""
    yield "0", "stem"
    yield "([12])", "stage1_block{0}"
    yield r"3\.conv", "stage2_block1_branch2_1"  # behind a pool that is branch 1
    yield r"5\.conv", "stage3_block1_branch1_1"
    for block, ours in BLOCKS:
        yield rf"{block}\.branch(\d)", f"{ours}_branch{{1:+1}}_1"
        yield rf"{block}\.branch3\.1", f"{ours}_branch4_1"  # step 0 is a pool
        yield rf"{block}\.branch(\d)\.(\d)", f"{ours}_branch{{1:+1}}_{{2:+1}}"
        yield rf"{block}\.branch(\d)_(\d)", f"{ours}_branch{{1:+1}}_{{2:+1}}"
        for letter, place in (("a", 1), ("b", 2)):  # two convolutions at the end of a branch
            yield rf"{block}\.branch(\d)_(\d){letter}", f"{ours}_branch{{1:+1}}_{{2:+{place}}}"


TIMM = Dialect(
    "timm",
    "torch",
    rows=(
        *((rf"features\.{theirs}\.conv", f"{ours}_conv") for theirs, ours in _modules()),
        *((rf"features\.{theirs}\.bn", f"{ours}_norm") for theirs, ours in _modules()),
        (r"last_linear", "predictions"),
    ),
)

DIALECTS = (TIMM,)
