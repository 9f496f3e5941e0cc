"""ResNet-RS against timm."""

import keras
import pytest

from kapps.applications import FAMILIES, ResNetRS50, facts
from tests.parity import goldens

PARAMETERS = {"ResNetRS50": 35_691_912, "ResNetRS101": 63_618_696}  # reference_models.tsv


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["resnet_rs"]} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("resnet_rs"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_stochastic_depth_rises_to_its_rate():
    model = ResNetRS50(weights=None, input_shape=(32, 32, 3), drop_path=0.3)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    # 16 blocks, of which the first is never dropped; then the dropout of the head.
    assert rates == [*(pytest.approx(0.3 * i / 15) for i in range(1, 16)), 0.25]
