"""ShuffleNetV2 against torchvision."""

import pytest

from kapps.applications import FAMILIES, ShuffleNetV2_0_5x, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # torchvision's
    "ShuffleNetV2_0_5x": 1_366_792,
    "ShuffleNetV2_1_0x": 2_278_604,
    "ShuffleNetV2_1_5x": 3_503_624,
    "ShuffleNetV2_2_0x": 7_393_996,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["shufflenet_v2"]} == PARAMETERS


@pytest.mark.parametrize(
    "name", sweep_but("torchvision/shufflenet_v2_x1_0", goldens.names("shufflenet_v2"))
)
def test_equals_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


def test_pyramid():
    # Table 5 of the paper, at 64 pixels.
    pyramid = ShuffleNetV2_0_5x.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 24),
        (8, 8, 48),
        (4, 4, 96),
        (2, 2, 192),
    ]
