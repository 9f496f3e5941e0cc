"""GhostNet and GhostNetV2 against timm."""

import pytest

from kapps.applications import FAMILIES, GhostNet050, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # timm's
    "GhostNet050": 2_587_292,
    "GhostNet": 5_182_508,
    "GhostNet130": 7_358_820,
    "GhostNetV2_100": 6_156_908,
    "GhostNetV2_130": 8_960_404,
    "GhostNetV2_160": 12_392_698,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["ghostnet"]} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("timm/ghostnetv2_100", goldens.names("ghostnet")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_pyramid():
    # Table 1 of the paper, at 64 pixels and half the width.
    pyramid = GhostNet050.features(weights=None, input_shape=(64, 64, 3), levels=(1, 2, 3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 8),
        (16, 16, 12),
        (8, 8, 20),
        (4, 4, 56),
        (2, 2, 80),
    ]
