"""ResNetV2 against keras.applications and timm."""

import math

import pytest

import kapps
from kapps.applications import FAMILIES, ResNet50V2, facts
from tests.parity import goldens, keras_reference

# Trainable parameters, and statistics of normalisations (reference_models.tsv).
COUNTS = {
    ("ResNet50V2", "keras"): (25_568_360, 45_440),
    ("ResNet101V2", "keras"): (44_577_896, 97_664),
    ("ResNet152V2", "keras"): (60_236_904, 143_744),
    ("ResNet50V2", "torch"): (25_549_352, 45_440),
    ("ResNet101V2", "torch"): (44_541_480, 97_664),
    ("ResNet152V2", "torch"): (60_185_128, 143_744),
}


def test_parameters():
    for name in FAMILIES["resnet_v2"]:
        assert facts(name)["params"] == COUNTS[name, "keras"][0]


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "flavor"), COUNTS)
def test_parameters_of_the_network(name, flavor):
    app = getattr(kapps.applications, name)
    model = app(weights=None, flavor=flavor, input_shape=(32, 32, 3))
    trainable = sum(math.prod(v.shape) for v in model.trainable_variables)
    statistics = sum(math.prod(v.shape) for v in model.non_trainable_variables)
    assert (trainable, statistics) == COUNTS[name, flavor]


@pytest.mark.sweep
@pytest.mark.parametrize("name", goldens.names("resnet_v2"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_equals_keras(tmp_path):
    assert keras_reference.relative_error("ResNet50V2", tmp_path, size=64) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", FAMILIES["resnet_v2"])
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


@pytest.mark.parametrize("flavor", ["keras", "torch"])
def test_both_flavors_have_the_pyramid_of_the_paper(flavor):
    pyramid = ResNet50V2.features(weights=None, flavor=flavor, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]
