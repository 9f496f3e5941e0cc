"""EfficientNet against keras.applications, timm's goldens and the published counts."""

import keras
import numpy as np
import pytest

from kapps.applications import EfficientNetB0, facts
from kapps.errors import WeightsError
from kapps.weights.dialects import efficientnet
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts
from tests.parity.quick import answer
from tests.parity.sweep import sweep_but

# Trainable, all, all without the head: Keras's own counts less the 7 numbers of its Normalization.
COUNTS = {
    "EfficientNetB0": (5_288_548, 5_330_564, 4_049_564),
    "EfficientNetB1": (7_794_184, 7_856_232, 6_575_232),
    "EfficientNetB2": (9_109_994, 9_177_562, 7_768_562),
    "EfficientNetB3": (12_233_232, 12_320_528, 10_783_528),
    "EfficientNetB4": (19_341_616, 19_466_816, 17_673_816),
    "EfficientNetB5": (30_389_784, 30_562_520, 28_513_520),
    "EfficientNetB6": (43_040_704, 43_265_136, 40_960_136),
    "EfficientNetB7": (66_347_960, 66_658_680, 64_097_680),
}
# What keeps a signal of random weights alive through so many blocks, but in range.
NORM_SCALE = dict(zip(COUNTS, (1.25, 1.15, 1.15, 1.05, 1.05, 1.03, 0.96, 0.97), strict=True))


@pytest.mark.parametrize("name", sweep_but("EfficientNetB0", COUNTS))
def test_equals_keras(name, tmp_path):
    scale = NORM_SCALE[name]
    assert keras_reference.relative_error(name, tmp_path, size=64, norm_scale=scale) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", COUNTS)
def test_equals_keras_without_a_head_at_an_odd_size(name, tmp_path):
    error = keras_reference.relative_error(
        name, tmp_path, size=75, include_top=False, norm_scale=NORM_SCALE[name]
    )
    assert error <= 1e-5


@pytest.mark.parametrize("name", sweep_but("timm/efficientnet_b0", goldens.names("efficientnet")))
def test_equals_timm_and_torchvision(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.parametrize("name", COUNTS)
def test_facts_have_the_published_count(name):
    assert facts(name)["params"] == COUNTS[name][0]


@pytest.mark.parametrize("name", sweep_but("EfficientNetB0", COUNTS))
def test_counts_are_those_of_keras(name):
    assert counts(name) == COUNTS[name]


def test_stage_widths_and_strides():
    # Table 1 of the paper, at 128 pixels.
    pyramid = EfficientNetB0.features(weights=None, input_shape=keras_reference.image_shape(128))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (32, 32, 24),
        (16, 16, 40),
        (8, 8, 112),
        (4, 4, 320),
    ]


def test_a_file_with_another_normalisation_is_refused():
    torch = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    for mean, variance in ((0.4, 1.0), (0.0, 0.25)):
        arrays = {
            "normalization/mean": np.full((1, 1, 1, 3), mean, "float32"),
            "normalization/variance": np.full((1, 1, 1, 3), variance, "float32"),
        }
        for normalization in (None, torch):
            with pytest.raises(WeightsError, match="normalises with the mean"):
                efficientnet.check_normalization(arrays, normalization)
    arrays = {"normalization_3/mean": np.array([0.485, 0.456, 0.406], "float32")}
    assert efficientnet.check_normalization(arrays, torch) is None


def test_a_file_that_keras_trained_from_scratch(tmp_path):
    """Its Normalization layer is the identity, so Keras's network sees x / 255."""
    keras.utils.set_random_seed(0)
    shape = keras_reference.image_shape(64)
    given = {"weights": None, "input_shape": shape, "classes": 5, "classifier_activation": None}
    theirs = keras.applications.EfficientNetB0(**given)
    theirs.save_weights(path := tmp_path / "scratch.weights.h5")
    images = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    expected = answer(theirs, images, "efficientnet")
    given["weights"] = path
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(expected).max()}
    bare = EfficientNetB0(**given, include_preprocessing=False)
    np.testing.assert_allclose(answer(bare, images / 255, "efficientnet"), expected, **close)
    unit = EfficientNetB0(**given, include_preprocessing="unit")
    np.testing.assert_allclose(answer(unit, images, "efficientnet"), expected, **close)
    with pytest.raises(WeightsError, match='include_preprocessing="unit"'):
        EfficientNetB0(**given)
