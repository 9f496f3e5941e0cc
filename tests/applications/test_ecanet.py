"""ECA-Net against timm."""

import pytest

from kapps.applications import FAMILIES, ECAResNet50, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # reference_models.tsv
    "ECAResNet50": 25_557_118,
    "ECAResNet50D": 25_576_350,
    "ECAResNet50T": 25_573_814,
    "ECAResNet101D": 44_568_563,
    "ECAResNet269D": 102_093_077,
    "ECAResNetLight": 30_162_046,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["ecanet"]} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("timm/ecaresnet50d", goldens.names("ecanet")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_a_kernel_a_block():
    # Section 3.2.3: the size grows with the logarithm of the channels. 86 parameters in all.
    model = ECAResNet50(weights=None, input_shape=(32, 32, 3))
    kernels = [layer.kernel.shape[0] for layer in model.layers if layer.name.endswith("eca_conv")]
    assert kernels == [5] * 13 + [7] * 3
