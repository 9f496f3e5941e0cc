"""Modified Aligned Xception against timm."""

import pytest

from kapps.applications import FAMILIES, Xception71, facts
from tests.parity import goldens

PARAMETERS = {"Xception41": 26_969_560, "Xception65": 39_916_312, "Xception71": 42_338_736}


def test_parameters():
    names = FAMILIES["xception_aligned"]
    assert {name: facts(name)["params"] for name in names} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("xception_aligned"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_stage_widths_and_strides():
    # Figure 4 of the paper; Xception71 already widens at the end of a stage.
    pyramid = Xception71.features(weights=None, input_shape=(64, 64, 3), levels=(1, 2, 3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 64),
        (16, 16, 256),
        (8, 8, 728),
        (4, 4, 728),
        (2, 2, 2048),
    ]
