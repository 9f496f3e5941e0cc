"""ProxylessNAS and SPNASNet against timm's golden, published counts and the authors' names."""

import numpy as np
import pytest

from kapps.applications import FAMILIES, ProxylessNASGPU, SPNASNet, _loading, facts
from kapps.weights import dialects
from tests.parity import goldens, keras_reference

# Of the authors' networks as pytorchcv counts them, and of timm's (reference_models.tsv).
PARAMETERS = {
    "ProxylessNASCPU": 4_361_648,
    "ProxylessNASGPU": 7_119_848,
    "ProxylessNASMobile": 4_080_512,
    "SPNASNet": 4_421_616,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["proxylessnas"]} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("proxylessnas"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_stage_widths_and_strides():
    pyramid = SPNASNet.features(weights=None, input_shape=keras_reference.image_shape(64))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 24),
        (8, 8, 40),
        (4, 4, 96),
        (2, 2, 320),
    ]


def test_blocks_that_the_search_left_out_keep_their_numbers():
    # The authors' blocks 2 to 4 are empty, so 5 is the first of the third stage.
    model = ProxylessNASGPU(weights=None, input_shape=keras_reference.image_shape(32))
    dialect = dialects.find("proxylessnas", "mit-han-lab")
    names = ("1.mobile_inverted_conv.depth_conv", "5.mobile_inverted_conv.inverted_bottleneck")
    arrays = {f"blocks.{name}.bn.weight": np.ones(1) for name in names}
    translated = dialect.translate(arrays, _loading.targets_of(model))
    expected = ["stage2_block1_depthwise_norm/gamma", "stage3_block1_expand_norm/gamma"]
    assert list(translated) == expected
    assert "stage2_block2_project_conv" not in {layer.name for layer in model.layers}
