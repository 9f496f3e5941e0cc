"""MobileNetV4 against timm's goldens and counts, and the paper's tables."""

import pytest

from kapps.applications import FAMILIES, MobileNetV4ConvSmall, MobileNetV4HybridMedium, facts
from tests.parity import goldens, keras_reference
from tests.parity.sweep import sweep_but

# Trainable parameters of timm's networks (reference_models.tsv).
PARAMETERS = {
    "MobileNetV4ConvSmall": 3_774_024,
    "MobileNetV4ConvSmall050": 2_238_952,
    "MobileNetV4ConvMedium": 9_715_512,
    "MobileNetV4ConvLarge": 32_590_864,
    "MobileNetV4HybridMedium": 11_074_648,
    "MobileNetV4HybridLarge": 37_764_624,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["mobilenet_v4"]} == PARAMETERS


@pytest.mark.parametrize(
    "name", sweep_but("timm/mobilenetv4_conv_small", goldens.names("mobilenet_v4"))
)
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize(
    ("app", "filters"),
    [(MobileNetV4ConvSmall, (32, 64, 96, 128)), (MobileNetV4HybridMedium, (48, 80, 160, 256))],
)
def test_stage_widths_and_strides(app, filters):
    # The tables of appendix D, at 128 pixels.
    pyramid = app.features(weights=None, input_shape=keras_reference.image_shape(128))
    shapes = [tuple(output.shape[1:]) for output in pyramid.outputs]
    assert shapes == [
        (side, side, width) for side, width in zip((32, 16, 8, 4), filters, strict=True)
    ]


def test_keys_and_values_come_from_half_the_map_at_stride_16():
    # Section 3.2: at stride 32 the map is small enough as it is.
    model = MobileNetV4HybridMedium(weights=None, input_shape=(128, 128, 3))
    layers = {layer.name for layer in model.layers}
    assert model.get_layer("stage3_block5_key_conv").output.shape == (None, 4, 4, 64)
    assert model.get_layer("stage4_block9_key_conv").output.shape == (None, 4, 4, 64)
    assert "stage4_block9_key_depthwise_conv" not in layers
