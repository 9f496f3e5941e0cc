"""Xception against keras.applications and timm."""

import math

import pytest

from kapps.applications import Xception
from tests.parity import goldens, keras_reference


@pytest.mark.parametrize("flavor", ["keras", "torch"])
def test_parameters(flavor):
    model = Xception(weights=None, flavor=flavor, input_shape=(71, 71, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == 22_855_952


def test_equals_timm():
    assert goldens.relative_error("timm/xception") <= 1e-5


@pytest.mark.parametrize(
    ("size", "include_top", "include_preprocessing"),
    [(96, True, True), pytest.param(71, False, False, marks=pytest.mark.sweep)],
)
def test_equals_keras(tmp_path, size, include_top, include_preprocessing):
    # At 96 pixels all maps that are pooled have even sizes but one, at 71 odd ones.
    error = keras_reference.relative_error(
        "Xception",
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
        norm_scale=0.7,
    )
    assert error <= 1e-5


def test_stage_widths_and_strides():
    # Figure 5 of the paper: entry flow at 149, 74, 37 and 19 pixels, exit flow at 10.
    pyramid = Xception.features(weights=None, input_shape=(299, 299, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (74, 74, 128),
        (37, 37, 256),
        (19, 19, 728),
        (10, 10, 2048),
    ]
