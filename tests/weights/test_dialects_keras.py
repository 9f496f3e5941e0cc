"""Names that Keras numbers: which layer a number means depends on the file, not on the number."""

import re

import numpy as np
import pytest

from kapps.applications import InceptionResNetV2, Xception
from kapps.weights.dialects import Target, detect, find
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
    assert set(ours) - {f"{name}/kernel" for name in targets} == {"shortcut4_conv/kernel"}


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


def xception_names():
    """(name in Keras, name in the published file) of every layer with weights, as it is built."""
    counts = dict.fromkeys(("convolution2d", "separableconvolution2d", "batchnormalization"), 0)
    automatic = {"conv2d": 0, "batch_normalization": 0}

    def pair(name, kind):
        counts[kind] += 1
        if name in automatic:
            automatic[name] += 1
            name = f"{name}_{automatic[name]}"
        return name, f"{kind}_{counts[kind]}"

    for conv in ("block1_conv1", "block1_conv2"):
        yield pair(conv, "convolution2d")
        yield pair(f"{conv}_bn", "batchnormalization")
    for block in range(2, 15):
        if block in (2, 3, 4, 13):
            yield pair("conv2d", "convolution2d")
            yield pair("batch_normalization", "batchnormalization")
        for index in range(1, 4 if 5 <= block <= 12 else 3):
            yield pair(f"block{block}_sepconv{index}", "separableconvolution2d")
            yield pair(f"block{block}_sepconv{index}_bn", "batchnormalization")
    yield "predictions", "dense_2"


def slim_names():
    """The convolutions of TF-slim's Inception-ResNet-v2 that Keras numbers, as they are built."""
    yield from (f"Conv2d_{name}" for name in ["1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"])
    mixed_5b = "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_5x5 2_Conv2d_0a_1x1 2_Conv2d_0b_3x3 "
    mixed_5b += "2_Conv2d_0c_3x3 3_Conv2d_0b_1x1"
    yield from (f"Mixed_5b_Branch_{name}" for name in mixed_5b.split())
    block_35 = "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_3x3 2_Conv2d_0a_1x1 2_Conv2d_0b_3x3 "
    block_35 += "2_Conv2d_0c_3x3"
    yield from (f"Block35_{n}_Branch_{name}" for n in range(1, 11) for name in block_35.split())
    mixed_6a = "0_Conv2d_1a_3x3 1_Conv2d_0a_1x1 1_Conv2d_0b_3x3 1_Conv2d_1a_3x3"
    yield from (f"Mixed_6a_Branch_{name}" for name in mixed_6a.split())
    block_17 = "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_1x7 1_Conv2d_0c_7x1"
    yield from (f"Block17_{n}_Branch_{name}" for n in range(1, 21) for name in block_17.split())
    mixed_7a = "0_Conv2d_0a_1x1 0_Conv2d_1a_3x3 1_Conv2d_0a_1x1 1_Conv2d_1a_3x3 2_Conv2d_0a_1x1 "
    mixed_7a += "2_Conv2d_0b_3x3 2_Conv2d_1a_3x3"
    yield from (f"Mixed_7a_Branch_{name}" for name in mixed_7a.split())
    block_8 = "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_1x3 1_Conv2d_0c_3x1"
    yield from (f"Block8_{n}_Branch_{name}" for n in range(1, 11) for name in block_8.split())


def tensors(names):
    """An array of its own for every variable of the layers."""
    arrays = {}
    for place, name in enumerate(names):
        kind = re.sub(r"_?\d+$", "", name)
        if "sepconv" in name and not name.endswith("_bn") or kind == "separableconvolution2d":
            leaves = ("depthwise_kernel", "pointwise_kernel")
        elif name.endswith(("_bn", "_BatchNorm")) or kind.startswith("batch"):
            leaves = ("beta", "moving_mean", "moving_variance")
        else:
            leaves = ("kernel",)
        for number, leaf in enumerate(leaves):
            arrays[f"{name}/{leaf}"] = np.full((1, 1, 1, 1), 10 * place + number)
    return arrays


def meaning(family, names, layers):
    arrays = tensors(names)
    dialect = detect(family, list(arrays), layers, "the file")
    assert dialect.name == "keras"
    targets = {name: Target("other", {}) for name in layers}
    ours = dialect.translate(arrays, targets)
    assert {name.rpartition("/")[0] for name in ours} == layers
    return {name: int(array.item()) for name, array in ours.items()}


@pytest.mark.parametrize("family", ["xception", "inception_resnet_v2"])
def test_published_files_of_older_names_mean_the_same(family):
    if family == "xception":
        app, names = Xception, list(xception_names())
        assert names[-2:] == [
            ("block14_sepconv2_bn", "batchnormalization_40"),
            ("predictions", "dense_2"),
        ]
    else:
        app, names = InceptionResNetV2, []
        for number, slim in enumerate(slim_names(), 1):
            names.append((f"conv2d_{number}", slim))
            names.append((f"batch_normalization_{number}", f"{slim}_BatchNorm"))
        assert names[-2][0] == "conv2d_203"  # as many as Keras's network has
        for keras_block, slim_block, count in (
            *(("block35", "Block35", 10), ("block17", "Block17", 20)),
            ("block8", "Block8", 10),
        ):
            for n in range(1, count + 1):
                names.append((f"{keras_block}_{n}_conv", f"{slim_block}_{n}_Conv2d_1x1"))
        names += [("conv_7b", "Conv2d_7b_1x1"), ("conv_7b_bn", "Conv2d_7b_1x1_BatchNorm")]
        names += [("predictions", "Logits")]
    model = app(weights=None, input_shape=(75, 75, 3))
    layers = {layer.name for layer in model.layers if layer.variables}
    ours, published = (meaning(family, column, layers) for column in zip(*names, strict=True))
    assert ours == published
