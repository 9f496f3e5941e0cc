"""DenseNet against keras.applications, timm and torchvision."""

import math

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import FAMILIES, DenseNet121, facts
from kapps.weights import dialects
from tests.parity import goldens, keras_reference

# Trainable parameters, and statistics of normalisations (reference_models.tsv).
COUNTS = {
    "DenseNet121": (7_978_856, 83_648),
    "DenseNet161": (28_681_000, 219_936),
    "DenseNet169": (14_149_480, 158_400),
    "DenseNet201": (20_013_928, 229_056),
}
IN_KERAS = [name for name in COUNTS if hasattr(keras.applications, name)]


def test_parameters():
    expected = {name: trainable for name, (trainable, _) in COUNTS.items()}
    assert {name: facts(name)["params"] for name in FAMILIES["densenet"]} == expected


@pytest.mark.sweep
@pytest.mark.parametrize("name", COUNTS)
def test_parameters_of_the_network(name):
    model = getattr(kapps.applications, name)(weights=None, input_shape=(32, 32, 3))
    trainable = sum(math.prod(v.shape) for v in model.trainable_variables)
    statistics = sum(math.prod(v.shape) for v in model.non_trainable_variables)
    assert (trainable, statistics) == COUNTS[name]


@pytest.mark.sweep
@pytest.mark.parametrize("name", goldens.names("densenet"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_equals_keras(tmp_path):
    assert keras_reference.relative_error("DenseNet121", tmp_path, size=64) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", IN_KERAS)
@pytest.mark.parametrize(("size", "include_top"), [(64, True), (75, False)])
@pytest.mark.parametrize("include_preprocessing", [True, False])
def test_every_member_equals_keras(tmp_path, name, size, include_top, include_preprocessing):
    error = keras_reference.relative_error(
        name,
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
    )
    assert error <= 1e-5


def test_names_of_older_files():
    # Keras 2 wrote "conv1/conv" and "fc1000"; torchvision's files say "norm.1" for "norm1".
    keras_names = {"conv1/conv/kernel": "stem_conv/kernel", "fc1000/bias": "predictions/bias"}
    torch_names = {
        "features.denseblock2.denselayer12.conv.1.weight": "stage2_block12_1_conv/kernel",
        "features.denseblock2.denselayer12.conv1.weight": "stage2_block12_1_conv/kernel",
    }
    for source, names in (("keras", keras_names), ("torchvision", torch_names)):
        dialect = dialects.find("densenet", source)
        for name, expected in names.items():
            assert list(dialect.translate({name: np.zeros(1)}, {})) == [expected]


def test_pyramid():
    # Table 1 of the paper: a stage ends where its transition begins.
    pyramid = DenseNet121.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 1024),
    ]
