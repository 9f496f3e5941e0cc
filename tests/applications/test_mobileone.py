"""MobileOne against timm, with its branches and without."""

import pytest

import kapps
from kapps.applications import FAMILIES, MobileOneS1, facts
from tests.parity import goldens, reparameterized
from tests.parity.sweep import sweep_but

PARAMETERS = {  # timm's, in training and after its own reparameterize_model
    "MobileOneS0": (5_293_272, 2_078_504),
    "MobileOneS1": (4_825_192, 4_764_840),
    "MobileOneS2": (7_884_648, 7_808_168),
    "MobileOneS3": (10_170_600, 10_078_312),
    "MobileOneS4": (14_951_248, 14_838_352),
}


def test_parameters():
    expected = {name: counts[0] for name, counts in PARAMETERS.items()}
    assert {name: facts(name)["params"] for name in FAMILIES["mobileone"]} == expected


@pytest.mark.parametrize("name", sweep_but("timm/mobileone_s0", goldens.names("mobileone")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.sweep  # RepVGGA0 and the tests of the layers are the ones of every run
@pytest.mark.parametrize("name", PARAMETERS)
def test_reparameterized(name):
    error, parameters, merged = reparameterized.compare(getattr(kapps.applications, name))
    assert error <= 1e-5
    assert parameters == PARAMETERS[name][1]
    # The stem and 21 blocks of a depthwise and a pointwise convolution each.
    assert len([x for x in merged.layers if x.name.endswith("_1_conv")]) == 1 + 2 * 21
    assert not [x for x in merged.layers if x.name.endswith(("_norm", "_scale_conv", "_add"))]


def test_pyramid():
    # Table 2 of the paper, at 64 pixels.
    pyramid = MobileOneS1.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 96),
        (8, 8, 192),
        (4, 4, 512),
        (2, 2, 1280),
    ]
