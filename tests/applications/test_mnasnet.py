"""MnasNet against the goldens and counts of timm and torchvision."""

import pytest

from kapps.applications import FAMILIES, MnasNetA1, facts
from tests.parity import goldens, keras_reference
from tests.parity.sweep import sweep_but

# Trainable parameters of timm's and torchvision's networks (reference_models.tsv).
PARAMETERS = {
    "MnasNet050": 2_218_512,
    "MnasNet075": 3_170_208,
    "MnasNet100": 4_383_312,
    "MnasNet130": 6_282_256,
    "MnasNet140": 7_115_728,
    "MnasNetA1": 3_887_038,
    "MnasNetSmall": 2_030_264,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["mnasnet"]} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("torchvision/mnasnet1_0", goldens.names("mnasnet")))
def test_equals_timm_and_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


def test_stage_widths_and_strides():
    # Figure 7 of the paper, at 128 pixels.
    pyramid = MnasNetA1.features(weights=None, input_shape=keras_reference.image_shape(128))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 24),
        (16, 16, 40),
        (8, 8, 112),
        (4, 4, 320),
    ]
