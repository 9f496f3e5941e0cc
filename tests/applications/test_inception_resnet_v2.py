"""Inception-ResNet-v2 against keras.applications and timm."""

import math

import pytest

from kapps.applications import InceptionResNetV2
from tests.parity import goldens, keras_reference

# Trainable parameters of Keras, whose normalisation has no gamma, and of timm.
PARAMETERS = {"keras": 55_813_192, "torch": 55_843_464}


@pytest.mark.parametrize(("flavor", "expected"), PARAMETERS.items())
def test_parameters(flavor, expected):
    model = InceptionResNetV2(weights=None, flavor=flavor, input_shape=(75, 75, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected


@pytest.mark.sweep
def test_equals_timm():
    assert goldens.relative_error("timm/inception_resnet_v2") <= 1e-5


@pytest.mark.parametrize(
    ("size", "include_top", "include_preprocessing"),
    [(75, True, True), pytest.param(96, False, False, marks=pytest.mark.sweep)],
)
def test_equals_keras(tmp_path, size, include_top, include_preprocessing):
    error = keras_reference.relative_error(
        "InceptionResNetV2",
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
    )
    assert error <= 1e-5


def test_stage_widths_and_strides():
    # Figure 3 of the paper at 299 pixels, with the widths of the published network.
    pyramid = InceptionResNetV2.features(weights=None, input_shape=(299, 299, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (71, 71, 192),
        (35, 35, 320),
        (17, 17, 1088),
        (8, 8, 1536),
    ]
