"""InceptionV3 against keras.applications, timm and torchvision."""

import math

import numpy as np
import pytest

from kapps.applications import InceptionV3
from tests.parity import goldens, keras_reference

# Trainable parameters of Keras, whose normalisation has no gamma, and of timm.
PARAMETERS = {"keras": 23_817_352, "torch": 23_834_568}


@pytest.mark.parametrize(("flavor", "expected"), PARAMETERS.items())
def test_parameters(flavor, expected):
    model = InceptionV3(weights=None, flavor=flavor, input_shape=(75, 75, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected


@pytest.mark.parametrize(
    "name",
    ["timm/inception_v3", pytest.param("torchvision/inception_v3", marks=pytest.mark.sweep)],
)
def test_equals_torch(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.sweep
def test_the_classifier_on_the_side_equals_torchvision():
    (main, side), expected = goldens.logits("torchvision/inception_v3", aux=True)
    np.testing.assert_allclose(main, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    # What torchvision's own AuxLogits says of the first golden image, in float64.
    reference = [-0.39790099998739525, 0.6946841295840127, -0.5495465224513955, 1.0928651524414699]
    np.testing.assert_allclose(side[0, :4], reference, atol=3.2e-5)  # 1e-5 of the largest


@pytest.mark.parametrize(
    ("size", "include_top", "include_preprocessing"),
    [(75, True, True), pytest.param(96, False, False, marks=pytest.mark.sweep)],
)
def test_equals_keras(tmp_path, size, include_top, include_preprocessing):
    # Keras's automatic names go on counting from those of earlier tests, as in a user's process.
    error = keras_reference.relative_error(
        "InceptionV3",
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
    )
    assert error <= 1e-5


def test_stage_widths_and_strides():
    # Table 1 of the paper at 299 pixels, before each halving.
    pyramid = InceptionV3.features(weights=None, input_shape=(299, 299, 3), levels=(1, 2, 3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (147, 147, 64),
        (71, 71, 192),
        (35, 35, 288),
        (17, 17, 768),
        (8, 8, 2048),
    ]
