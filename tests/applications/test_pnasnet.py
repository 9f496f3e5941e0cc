"""PNASNet-5 against timm."""

import pytest

from kapps.applications import PNASNet5Large, facts
from tests.parity import goldens


def test_parameters():
    assert facts("PNASNet5Large")["params"] == 86_057_668


@pytest.mark.sweep
def test_equals_timm():
    assert goldens.relative_error("timm/pnasnet5large") <= 1e-5


def test_stage_widths_and_strides():
    # A cell's output is five maps of F filters; F is 216 at first and doubles with each halving.
    pyramid = PNASNet5Large.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 5 * 54),
        (8, 8, 5 * 216),
        (4, 4, 5 * 432),
        (2, 2, 5 * 864),
    ]
