"""MobileNetV3 against keras.applications, timm's goldens and the published counts."""

import contextlib

import h5py
import numpy as np
import pytest

from kapps.applications import MobileNetV3Large, MobileNetV3Small
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts

# Trainable, all, all without the head: Keras's own counts.
COUNTS = [
    ("MobileNetV3Small", {}, (2_542_856, 2_554_968, 939_120)),
    ("MobileNetV3Small", {"alpha": 0.75}, (2_041_872, 2_051_552, 583_160)),
    ("MobileNetV3Small", {"minimalistic": True}, (2_044_736, 2_056_848, 441_000)),
    ("MobileNetV3Large", {}, (5_483_032, 5_507_432, 2_996_352)),
    ("MobileNetV3Large", {"alpha": 0.75}, (3_993_528, 4_012_616, 1_808_736)),
    ("MobileNetV3Large", {"minimalistic": True}, (3_924_288, 3_948_688, 1_437_608)),
]
NORM_SCALE = {"MobileNetV3Small": 1.2, "MobileNetV3Large": 1.05}
SWEEP = pytest.mark.sweep


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MobileNetV3Small", {}),
        ("MobileNetV3Large", {"include_preprocessing": False}),
        pytest.param("MobileNetV3Small", {"alpha": 0.75}, marks=SWEEP),
        pytest.param("MobileNetV3Small", {"alpha": 1.5}, marks=SWEEP),
        pytest.param("MobileNetV3Small", {"minimalistic": True}, marks=SWEEP),
        pytest.param("MobileNetV3Small", {"include_top": False, "size": 75}, marks=SWEEP),
        pytest.param("MobileNetV3Large", {"alpha": 0.75}, marks=SWEEP),
        pytest.param("MobileNetV3Large", {"minimalistic": True}, marks=SWEEP),
        pytest.param("MobileNetV3Large", {"include_top": False, "size": 75}, marks=SWEEP),
    ],
)
def test_equals_keras(name, arguments, tmp_path):
    options = {"size": 64, "norm_scale": NORM_SCALE[name], **arguments}
    # The hard sigmoids of Large amplify a rounding where the signal is near their bends: in float32
    # Keras's own network is up to 6e-5 from itself in float64. Large's timm golden is in float32.
    large = name == "MobileNetV3Large"
    with keras_reference.in_float64() if large else contextlib.nullcontext():
        assert keras_reference.relative_error(name, tmp_path, **options) <= 1e-5


@pytest.mark.parametrize("name", goldens.names("mobilenet_v3"))
def test_equals_timm_and_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize(("name", "arguments", "expected"), COUNTS)
def test_counts_are_those_of_keras(name, arguments, expected):
    assert counts(name, **arguments) == expected


@pytest.mark.parametrize(
    ("app", "channels"),
    [(MobileNetV3Small, (16, 24, 48, 96)), (MobileNetV3Large, (24, 40, 112, 160))],
)
def test_stage_widths_and_strides(app, channels):
    # Tables 1 and 2 of the paper, at 128 pixels.
    pyramid = app.features(weights=None, input_shape=keras_reference.image_shape(128))
    shapes = [tuple(output.shape[1:]) for output in pyramid.outputs]
    assert shapes == [
        (side, side, width) for side, width in zip((32, 16, 8, 4), channels, strict=True)
    ]


def test_the_name_that_keras_gives_to_dropout():
    shape = keras_reference.image_shape(32)
    rates = {"dropout_rate": 0.3}, {"dropout": 0.3}, {}
    models = [MobileNetV3Small(weights=None, input_shape=shape, **rate) for rate in rates]
    assert [model.get_layer("head_dropout").rate for model in models] == [0.3, 0.3, 0.2]
    assert (
        MobileNetV3Small.bind(dropout_rate=0.3).__signature__.parameters["dropout"].default == 0.3
    )
    with pytest.raises(TypeError, match="dropout_rate and dropout, which are one"):
        MobileNetV3Small(weights=None, dropout_rate=0.3, dropout=0.2)


def test_the_names_of_the_published_files(tmp_path):
    # Keras 2, which wrote them, had slashes and capitals where Keras 3 has neither.
    model = MobileNetV3Small(weights=None, input_shape=keras_reference.image_shape(32))
    with h5py.File(tmp_path / "published.h5", "w") as file:
        names = []
        for layer in model.layers:
            if layer.weights and (name := _published(layer.name)):
                group = file.create_group(name)
                variables = [w for w in layer.weights if "seed" not in w.path]
                leaves = [f"{name}/{w.name}:0".encode() for w in variables]
                group.attrs["weight_names"] = leaves
                for leaf, variable in zip(leaves, variables, strict=True):
                    group[leaf.decode()] = np.array(variable)
                names.append(name.encode())
        file.attrs["layer_names"] = names
    again = MobileNetV3Small(
        weights=tmp_path / "published.h5", input_shape=keras_reference.image_shape(32)
    )
    for ours, theirs in zip(again.weights, model.weights, strict=True):
        if "seed" not in ours.path:
            np.testing.assert_array_equal(np.array(ours), np.array(theirs), ours.path)


def _published(name):
    """The name of one of our layers in keras-applications 1.0.8, whose code wrote the files."""
    blocks = {"stage1_block1": "expanded_conv"}
    widths = ((2, 2), (3, 3), (4, 2), (5, 3))
    for stage, count in widths:
        for block in range(1, count + 1):
            blocks[f"stage{stage}_block{block}"] = f"expanded_conv_{len(blocks)}"
    fixed = {
        "stem_conv": "Conv",
        "stem_norm": "Conv/BatchNorm",
        "head_conv": "Conv_1",
        "head_norm": "Conv_1/BatchNorm",
        "head_dense": "Conv_2",
        "predictions": "Logits",
    }
    if name in fixed:
        return fixed[name]
    block, _, rest = name.partition("_block")
    number, _, part = rest.partition("_")
    prefix = blocks.get(f"{block}_block{number}")
    parts = {"se_reduce_conv": "squeeze_excite/Conv", "se_expand_conv": "squeeze_excite/Conv_1"}
    part = parts.get(part, part.replace("_conv", "").replace("_norm", "/BatchNorm"))
    return prefix and f"{prefix}/{part}"
