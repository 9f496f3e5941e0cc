"""EfficientNetV2 against keras.applications, timm's goldens and the published counts."""

import pytest

from kapps.applications import FAMILIES, EfficientNetV2B0, facts
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts
from tests.parity.sweep import sweep_but

# Trainable, all, all without the head: Keras's own counts.
COUNTS = {
    "EfficientNetV2B0": (7_139_704, 7_200_312, 5_919_312),
    "EfficientNetV2B1": (8_141_052, 8_212_124, 6_931_124),
    "EfficientNetV2B2": (10_096_086, 10_178_374, 8_769_374),
    "EfficientNetV2B3": (14_358_406, 14_467_622, 12_930_622),
    "EfficientNetV2S": (21_458_488, 21_612_360, 20_331_360),
    "EfficientNetV2M": (54_139_356, 54_431_388, 53_150_388),
    "EfficientNetV2L": (118_515_272, 119_027_848, 117_746_848),
}
# Trainable parameters of timm's networks that Keras does not have (reference_models.tsv, timm).
TIMM = {
    "EfficientNetV2XL": 208_119_808,
    "EfficientNetV2RWT": 13_649_388,
    "EfficientNetV2RWS": 23_941_296,
    "EfficientNetV2RWM": 53_236_442,
}
# What keeps a signal of random weights alive through so many blocks, but in range.
NORM_SCALE = dict(zip(COUNTS, (0.9, 0.9, 0.9, 0.9, 0.9, 0.87, 0.82), strict=True))


@pytest.mark.parametrize("name", sweep_but("EfficientNetV2B0", COUNTS))
def test_equals_keras(name, tmp_path):
    scale = NORM_SCALE[name]
    assert keras_reference.relative_error(name, tmp_path, size=64, norm_scale=scale) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", COUNTS)
def test_equals_keras_without_a_head_and_preprocessing_at_an_odd_size(name, tmp_path):
    error = keras_reference.relative_error(
        name,
        tmp_path,
        size=75,
        include_top=False,
        include_preprocessing=False,
        norm_scale=NORM_SCALE[name],
    )
    assert error <= 1e-5


@pytest.mark.parametrize(
    "name", sweep_but("timm/tf_efficientnetv2_b0", goldens.names("efficientnet_v2"))
)
def test_equals_timm_and_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


def test_facts_have_the_published_counts():
    expected = {name: counts[0] for name, counts in COUNTS.items()} | TIMM
    assert {name: facts(name)["params"] for name in FAMILIES["efficientnet_v2"]} == expected


@pytest.mark.parametrize("name", sweep_but("EfficientNetV2B0", COUNTS))
def test_counts_are_those_of_keras(name):
    assert counts(name) == COUNTS[name]


def test_stage_widths_and_strides():
    pyramid = EfficientNetV2B0.features(weights=None, input_shape=keras_reference.image_shape(128))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 32),
        (16, 16, 48),
        (8, 8, 112),
        (4, 4, 192),
    ]
