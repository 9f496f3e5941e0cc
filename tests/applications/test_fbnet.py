"""FBNet and FBNetV3 against timm's goldens and counts."""

import pytest

from kapps.applications import FBNetC, FBNetV3B, facts
from tests.parity import goldens, keras_reference


def test_parameters():
    # timm's networks (reference_models.tsv)
    assert facts("FBNetC")["params"] == 5_572_200
    assert facts("FBNetV3B")["params"] == 8_598_464


@pytest.mark.parametrize("name", [*goldens.names("fbnet"), *goldens.names("fbnet_v3")])
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize(
    ("app", "filters"), [(FBNetC, (24, 32, 112, 352)), (FBNetV3B, (24, 40, 120, 224))]
)
def test_stage_widths_and_strides(app, filters):
    pyramid = app.features(weights=None, input_shape=keras_reference.image_shape(64))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (side, side, width) for side, width in zip((16, 8, 4, 2), filters, strict=True)
    ]


def test_a_block_that_does_not_widen_expands_all_the_same():
    model = FBNetC(weights=None, input_shape=keras_reference.image_shape(32))
    assert model.get_layer("stage1_block1_expand_conv").output.shape[-1] == 16
