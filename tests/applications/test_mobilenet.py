"""MobileNet against keras.applications, timm's golden and the published counts."""

import pytest

from kapps.applications import MobileNet
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts

# Trainable, all, all without the head: Keras's own counts, by alpha.
COUNTS = {
    0.25: (470_072, 475_544, 218_544),
    0.5: (1_331_592, 1_342_536, 829_536),
    0.75: (2_585_560, 2_601_976, 1_832_976),
    1.0: (4_231_976, 4_253_864, 3_228_864),
}


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 64, "alpha": 0.25},
        {"size": 75, "include_top": False, "depth_multiplier": 2, "norm_scale": 4.0},
        {"size": 64, "alpha": 1.0, "include_preprocessing": False},
        {"size": 65, "alpha": 0.75},
    ],
)
def test_equals_keras(arguments, tmp_path):
    options = {"norm_scale": 1.3, **arguments}
    assert keras_reference.relative_error("MobileNet", tmp_path, **options) <= 1e-5


@pytest.mark.parametrize("name", goldens.names("mobilenet"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize("alpha", COUNTS)
def test_counts_are_those_of_keras(alpha):
    assert counts("MobileNet", alpha=alpha) == COUNTS[alpha]


def test_stage_widths_and_strides():
    # Table 1 of the paper, at 128 pixels.
    pyramid = MobileNet.features(weights=None, input_shape=keras_reference.image_shape(128))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 128),
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
    ]


def test_dropout_is_that_of_keras():
    model = MobileNet(weights=None, input_shape=keras_reference.image_shape(32))
    assert model.get_layer("head_dropout").rate == 1e-3
