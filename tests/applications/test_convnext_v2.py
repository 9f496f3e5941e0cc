"""ConvNeXt V2 against timm's goldens and counts."""

import pytest

from kapps.applications import FAMILIES, ConvNeXtV2Atto, facts
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts
from tests.parity.sweep import sweep_but

COUNTS = {  # reference_models.tsv
    "ConvNeXtV2Atto": 3_708_400,
    "ConvNeXtV2Femto": 5_233_240,
    "ConvNeXtV2Pico": 9_066_280,
    "ConvNeXtV2Nano": 15_623_800,
    "ConvNeXtV2Tiny": 28_635_496,
    "ConvNeXtV2Base": 88_717_800,
    "ConvNeXtV2Large": 197_956_840,
    "ConvNeXtV2Huge": 660_289_640,
}


def test_facts_have_the_published_counts():
    assert {name: facts(name)["params"] for name in FAMILIES["convnext_v2"]} == COUNTS


@pytest.mark.parametrize("name", sweep_but("ConvNeXtV2Atto", COUNTS))
def test_counts_of_the_network(name):
    trainable, everything, _ = counts(name)
    assert trainable == everything == COUNTS[name]


@pytest.mark.parametrize("name", sweep_but("timm/convnextv2_atto", goldens.names("convnext_v2")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_stage_widths_and_strides():
    pyramid = ConvNeXtV2Atto.features(weights=None, input_shape=keras_reference.image_shape(64))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 40),
        (8, 8, 80),
        (4, 4, 160),
        (2, 2, 320),
    ]
