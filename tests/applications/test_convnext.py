"""ConvNeXt against keras.applications, timm's goldens and the published counts."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import ConvNeXtTiny, facts
from kapps.weights import dialects
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts
from tests.parity.sweep import sweep_but

# Trainable, and all without the head (but with the last normalisation): Keras's own counts.
COUNTS = {
    "ConvNeXtTiny": (28_589_128, 27_820_128),
    "ConvNeXtSmall": (50_223_688, 49_454_688),
    "ConvNeXtBase": (88_591_464, 87_566_464),
    "ConvNeXtLarge": (197_767_336, 196_230_336),
    "ConvNeXtXLarge": (350_196_968, 348_147_968),
}
TIMM = {  # reference_models.tsv
    "ConvNeXtAtto": 3_695_520,
    "ConvNeXtFemto": 5_217_784,
    "ConvNeXtPico": 9_045_672,
    "ConvNeXtNano": 15_593_560,
    "DINOv3ConvNeXtTiny": 28_589_128,
    "DINOv3ConvNeXtSmall": 50_223_688,
    "DINOv3ConvNeXtBase": 88_591_464,
    "DINOv3ConvNeXtLarge": 197_767_336,
}
LAST = keras.config.image_data_format() == "channels_last"
needs_keras = pytest.mark.skipif(not LAST, reason="Keras's own has channels last alone")


@needs_keras
@pytest.mark.parametrize("name", sweep_but("ConvNeXtTiny", COUNTS))
def test_equals_keras(name, tmp_path):
    assert keras_reference.relative_error(name, tmp_path, size=64) <= 1e-5


@needs_keras
@pytest.mark.sweep
@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("pooling", [None, "avg", "max"])
def test_equals_keras_without_a_head_and_preprocessing_at_an_odd_size(name, pooling, tmp_path):
    error = keras_reference.relative_error(
        name, tmp_path, size=75, include_top=False, include_preprocessing=False, pooling=pooling
    )
    assert error <= 1e-5


@pytest.mark.parametrize("name", sweep_but("timm/convnext_tiny", goldens.names("convnext")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_facts_have_the_published_counts():
    expected = TIMM | {name: count for name, (count, _) in COUNTS.items()}
    assert {name: facts(name)["params"] for name in kapps.applications.FAMILIES["convnext"]} == (
        expected
    )


@pytest.mark.parametrize(
    ("name", "application"),
    [
        ("timm/convnext_tiny", "ConvNeXtTiny"),
        ("timm/convnext_tiny.fb_in1k", "ConvNeXtTiny"),
        ("timm/convnext_tiny.dinov3_lvd1689m", "DINOv3ConvNeXtTiny"),
        ("torchvision/convnext_tiny", "ConvNeXtTiny"),
    ],
)
def test_a_tag_may_name_another_application(name, application):
    assert kapps.find_application(name).name == application


def test_torchvision_names_every_tensor():
    """Its names for each part of the network, as its state dict has them."""
    names = {
        "features.0.0.weight": "stem_conv/kernel",
        "features.0.1.bias": "stem_norm/beta",
        "features.1.2.layer_scale": "stage1_block3_scale/gamma",
        "features.2.0.weight": "stage2_downsample_norm/gamma",
        "features.4.1.weight": "stage3_downsample_conv/kernel",
        "features.7.0.block.0.weight": "stage4_block1_depthwise_conv/kernel",
        "features.5.8.block.2.weight": "stage3_block9_norm/gamma",
        "features.5.8.block.3.weight": "stage3_block9_expand_conv/kernel",
        "features.5.8.block.5.bias": "stage3_block9_project_conv/bias",
        "classifier.0.weight": "head_norm/gamma",
        "classifier.2.weight": "predictions/kernel",
    }
    targets = {
        target.partition("/")[0]: dialects.Target("norm" if "_norm/" in target else "conv", {})
        for target in names.values()
    }
    arrays = {name: np.zeros((2, 1, 1) if "scale" in name else (2, 2)) for name in names}
    translated = dialects.find("convnext", "torchvision").translate(arrays, targets)
    assert list(translated) == list(names.values())


@pytest.mark.parametrize("name", sweep_but("ConvNeXtTiny", COUNTS))
def test_counts_are_those_of_keras(name):
    trainable, everything, no_top = counts(name)
    assert (trainable, no_top) == COUNTS[name]
    assert everything == trainable  # no batch is normalised


def test_stage_widths_and_strides():
    pyramid = ConvNeXtTiny.features(weights=None, input_shape=keras_reference.image_shape(128))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 96),
        (16, 16, 192),
        (8, 8, 384),
        (4, 4, 768),
    ]


def test_drop_path_grows_to_its_rate_in_the_last_block():
    model = ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), drop_path=0.17)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    np.testing.assert_allclose(rates, np.linspace(0, 0.17, 18)[1:])
