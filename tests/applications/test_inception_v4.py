"""Inception-v4 against timm."""

from kapps.applications import InceptionV4, facts
from tests.parity import goldens


def test_parameters():
    assert facts("InceptionV4")["params"] == 42_679_816


def test_equals_timm():
    assert goldens.relative_error("timm/inception_v4") <= 1e-5


def test_stage_widths_and_strides():
    # Figures 3 and 9 of the paper at 299 pixels.
    pyramid = InceptionV4.features(weights=None, input_shape=(299, 299, 3), levels=(1, 2, 3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (147, 147, 64),
        (71, 71, 192),
        (35, 35, 384),
        (17, 17, 1024),
        (8, 8, 1536),
    ]
