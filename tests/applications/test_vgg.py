"""VGG against keras.applications and torchvision."""

import math

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import FAMILIES, VGG16, facts, vgg16, vgg19
from kapps.errors import WeightsError
from kapps.weights.dialects.vgg import by_rank, channels_last
from tests.parity import goldens, keras_reference

# Trainable parameters of Keras's and torchvision's networks (reference_models.tsv).
PARAMETERS = {
    "VGG11": 132_863_336,
    "VGG13": 133_047_848,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "VGG11BN": 132_868_840,
    "VGG13BN": 133_053_736,
    "VGG16BN": 138_365_992,
    "VGG19BN": 143_678_248,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["vgg"]} == PARAMETERS


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_parameters_of_the_network(name, expected):
    model = getattr(kapps.applications, name)(weights=None)
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected


@pytest.mark.sweep
@pytest.mark.parametrize("name", goldens.names("vgg"))
def test_equals_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


def test_equals_keras(tmp_path):
    assert keras_reference.relative_error("VGG16", tmp_path, size=40) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["VGG16", "VGG19"])
@pytest.mark.parametrize("include_top", [True, False])
@pytest.mark.parametrize("include_preprocessing", [True, False])
def test_every_member_equals_keras(tmp_path, name, include_top, include_preprocessing):
    error = keras_reference.relative_error(
        name,
        tmp_path,
        size=75,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
    )
    assert error <= 1e-5


def test_torch_flattens_channels_first():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(7, 7, 512)), rng.normal(size=(2, 512 * 7 * 7))
    expected = kernel @ image.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(image.ravel() @ channels_last(kernel, None), expected)
    as_convolution = kernel.reshape(2, 512, 7, 7)  # timm's
    np.testing.assert_allclose(image.ravel() @ channels_last(as_convolution, None), expected)


def test_torch_counts_activations_and_poolings():
    kernel, bias = np.zeros((64, 3, 3, 3)), np.zeros(64)
    names = ["features.0", "features.3", "features.7", "features.10"]  # VGG11BN has 1, 2, 4... too
    arrays = {f"{name}.weight": kernel for name in names}
    arrays |= {"features.8.running_mean": bias, "classifier.0.bias": bias}
    assert list(by_rank(arrays)) == [
        "features.0.conv.weight",
        "features.1.conv.weight",
        "features.2.conv.weight",
        "features.3.conv.weight",
        "features.2.norm.running_mean",
        "classifier.0.bias",
    ]


def test_a_deeper_network_is_refused(tmp_path):
    path = tmp_path / "vgg19.h5"
    other = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
    keras_reference.write_legacy_h5(other, path)
    with pytest.raises(WeightsError, match="stage3_block4_conv/kernel .* has no place"):
        VGG16(weights=path, include_top=False)


def test_pretrained_dense_layers_need_their_size():
    with pytest.raises(WeightsError, match="need images of 224x224 pixels, not 64x64"):
        VGG16(input_shape=(64, 64, 3))


@pytest.mark.parametrize(
    ("arguments", "rates"),
    [({}, []), ({"flavor": "torch"}, [0.5, 0.5]), ({"dropout": 0.2}, [0.2, 0.2])],
)
def test_dropout_is_torchs_and_the_papers(arguments, rates):
    model = VGG16(weights=None, input_shape=(32, 32, 3), **arguments)
    found = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert found == rates
    # torchvision pools to 7x7 before the dense layers, Keras has weights for each pixel.
    torch = arguments.get("flavor") == "torch"
    assert (model.count_params() == PARAMETERS["VGG16"]) is torch


def test_pyramid():
    # Table 1 of the paper: each stage ends in a pooling that halves.
    pyramid = VGG16.features(weights=None, input_shape=(64, 64, 3), levels=(1, 2, 3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 64),
        (16, 16, 128),
        (8, 8, 256),
        (4, 4, 512),
        (2, 2, 512),
    ]


def test_modules_of_keras():
    assert vgg16.VGG16 is VGG16
    assert vgg19.VGG19 is kapps.applications.VGG19
