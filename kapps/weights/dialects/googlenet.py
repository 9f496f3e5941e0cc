"""GoogLeNet with batch normalisation as torchvision names it."""

import numpy as np

from kapps.weights.dialects._dialect import Dialect

BLOCK = r"inception([345])([a-e])"
OURS = "stage{0}_block{1:number}"


def channels_last(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:  # noqa: ARG001
    """The layer after the flattening, from channel, row, column to row, column, channel."""
    filters = array.shape[0]
    return array.reshape(filters, 128, 4, 4).transpose(2, 3, 1, 0).reshape(-1, filters)


def _modules():
    """(torchvision's name, our name) of everything that is a convolution and a normalisation."""
    yield "conv1", "stem"
    yield "conv([23])", "stage2_block{0:-1}"
    yield rf"{BLOCK}\.branch1", f"{OURS}_branch1_1"
    yield rf"{BLOCK}\.branch([23])\.(\d)", f"{OURS}_branch{{2}}_{{3:+1}}"
    yield rf"{BLOCK}\.branch4\.1", f"{OURS}_branch4_1"  # step 0 is a pool
    yield r"aux([12])\.conv", "aux{0}"


TORCHVISION = Dialect(
    "torchvision",
    "torch",
    rows=(
        *((rf"{theirs}\.conv", f"{ours}_conv") for theirs, ours in _modules()),
        *((rf"{theirs}\.bn", f"{ours}_norm") for theirs, ours in _modules()),
        (r"aux([12])\.fc1\.weight", "aux{0}_fc1/kernel", channels_last),
        (r"aux([12])\.fc1", "aux{0}_fc1"),
        (r"aux([12])\.fc2", "aux{0}_predictions"),
        (r"fc", "predictions"),
    ),
    ignore=(r"aux[12]\..*",),  # the classifiers on the side, which help only in training
)

DIALECTS = (TORCHVISION,)
