"""Names that Keras numbers: which layer a number means depends on the file, not on the number."""

import numpy as np
import pytest

from kapps.weights.dialects import Target, find
from kapps.weights.dialects._keras import by_rank
from kapps.weights.dialects.nasnet import KERAS as NASNET

SHORTCUTS = [f"stage{stage}_block1_shortcut" for stage in (2, 3, 4, 5)]


@pytest.mark.parametrize("first", [0, 1, 9, 98])
def test_a_number_means_its_rank(first):
    # From 9 on the order of the names is not that of the numbers: conv2d_10 before conv2d_9.
    names = ["conv2d" if n == 0 else f"conv2d_{n}" for n in range(first, first + 4)]
    arrays = {f"{name}/kernel": np.array(rank) for rank, name in enumerate(names)}
    shuffled = dict(sorted(arrays.items())) | {"conv2d_transpose/kernel": np.array(7)}
    ranked = by_rank("conv2d", "batch_normalization")(shuffled)
    assert {name: int(array) for name, array in ranked.items()} == {
        "conv2d_0/kernel": 0,
        "conv2d_1/kernel": 1,
        "conv2d_2/kernel": 2,
        "conv2d_3/kernel": 3,
        "conv2d_transpose/kernel": 7,
    }


def test_each_kind_has_its_own_ranks_and_finds_our_layers():
    targets = {f"{name}_conv": Target("conv", {"kernel": (1, 1, 2, 2)}) for name in SHORTCUTS}
    targets |= {f"{name}_norm": Target("norm", {"beta": (2,)}) for name in reversed(SHORTCUTS)}
    arrays = {f"conv2d_{n}/kernel": np.full((1, 1, 2, 2), n) for n in (12, 9, 10, 11)}
    arrays |= {f"batch_normalization_{n}/beta": np.full(2, n) for n in (40, 41, 42, 43)}
    ours = find("xception", "keras").translate(arrays, targets)
    for rank, name in enumerate(SHORTCUTS):
        assert (ours[f"{name}_conv/kernel"] == 9 + rank).all()
        assert (ours[f"{name}_norm/beta"] == 40 + rank).all()


def test_one_too_many_has_a_name_that_no_layer_has():
    targets = {f"{name}_conv": Target("conv", {"kernel": (1, 1, 2, 2)}) for name in SHORTCUTS}
    arrays = {f"conv2d_{n}/kernel": np.zeros((1, 1, 2, 2)) for n in range(1, 6)}
    ours = find("xception", "keras").translate(arrays, targets)
    assert set(ours) - {f"{name}/kernel" for name in targets} == {"numbered4_conv/kernel"}


@pytest.mark.parametrize("blocks", [4, 6])
def test_cells_of_nasnet_count_on_through_reductions(blocks):
    # The first reduction takes a number of the normal cells away, the second one does not.
    cells = [
        *("stem_1", "stem_2"),
        *range(blocks),
        f"reduce_{blocks}",
        *range(blocks + 1, 2 * blocks + 1),
        f"reduce_{2 * blocks}",
        *range(2 * blocks + 1, 3 * blocks + 1),
    ]
    arrays = {f"adjust_bn_{cell}/beta": np.array(place) for place, cell in enumerate(cells)}
    counted = NASNET.prepare(dict(sorted(arrays.items())))
    assert {name: int(array) for name, array in counted.items()} == {
        f"adjust_bn_{place}/beta": place for place in range(len(cells))
    }
