"""SK-ResNet against timm."""

import pytest

from kapps.applications import FAMILIES, SKResNeXt50_32x4d, facts
from tests.parity import goldens

PARAMETERS = {  # reference_models.tsv
    "SKResNet18": 11_958_056,
    "SKResNet34": 22_282_376,
    "SKResNeXt50_32x4d": 27_479_784,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["skresnet"]} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("skresnet"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_it_is_the_network_of_the_paper():
    # Table 1, SKNet-50: [1x1, 128; SK[M=2, G=32, r=16], 128; 1x1, 256], with d at least 32.
    model = SKResNeXt50_32x4d(weights=None, input_shape=(32, 32, 3))
    for stage, filters in enumerate((128, 256, 512, 1024), 1):
        name = f"stage{stage}_block2_2"
        assert model.get_layer(f"{name}_path1_conv").kernel.shape == (3, 3, filters // 32, filters)
        assert model.get_layer(f"{name}_path2_conv").dilation_rate == (2, 2)
        assert model.get_layer(f"{name}_reduce_conv").filters == max(filters // 16, 32)
