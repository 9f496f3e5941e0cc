"""ResNeSt against timm."""

import pytest

from kapps.applications import FAMILIES, ResNeSt14, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # reference_models.tsv
    "ResNeSt14": 10_611_688,
    "ResNeSt26": 17_069_448,
    "ResNeSt50": 27_483_240,
    "ResNeSt101": 48_275_016,
    "ResNeSt200": 70_201_544,
    "ResNeSt269": 110_929_480,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["resnest"]} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("timm/resnest14d", goldens.names("resnest")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_pyramid():
    pyramid = ResNeSt14.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]
