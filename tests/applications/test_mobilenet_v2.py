"""MobileNetV2 against keras.applications and timm."""

import math

import pytest

from kapps.applications import MobileNetV2, facts
from tests.parity import goldens, keras_reference

# Trainable parameters of timm's and Keras's networks (reference_models.tsv).
PARAMETERS = {
    0.35: 1_677_128,
    0.5: 1_968_680,
    0.75: 2_636_424,
    1.0: 3_504_872,
    1.3: 5_386_792,
    1.4: 6_108_776,
}


@pytest.mark.parametrize(("alpha", "expected"), PARAMETERS.items())
def test_parameters(alpha, expected):
    model = MobileNetV2(weights=None, alpha=alpha, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected


def test_parameters_of_the_deeper_ones():
    assert facts("MobileNetV2_110D")["params"] == 4_516_520
    assert facts("MobileNetV2_120D")["params"] == 5_831_144


@pytest.mark.parametrize("name", goldens.names("mobilenet_v2"))
def test_equals_timm_and_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize(
    ("alpha", "size", "include_top", "include_preprocessing"),
    [(0.35, 64, True, True), (1.4, 75, False, True), (1.0, 75, True, False)],
)
def test_equals_keras(tmp_path, alpha, size, include_top, include_preprocessing):
    error = keras_reference.relative_error(
        "MobileNetV2",
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
        norm_scale=0.7,
        alpha=alpha,
    )
    assert error <= 1e-5


def test_stage_widths_and_strides():
    # Table 2 of the paper, outputs of the stages with stride 4, 8, 16 and 32 at 224 pixels.
    pyramid = MobileNetV2.features(weights=None, input_shape=(224, 224, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (56, 56, 24),
        (28, 28, 32),
        (14, 14, 96),
        (7, 7, 320),
    ]
