"""EfficientNet against keras.applications, timm's goldens and the published counts."""

import pytest

import kapps
from kapps.applications import facts
from tests.parity import goldens, keras_reference
from tests.parity.counts import counts

# trainable, all, all without the head: Keras's own counts less the 7 numbers of its Normalization
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
PYRAMID = {  # channels of P1 to P5: table 1 of the paper, scaled
    "EfficientNetB0": (16, 24, 40, 112, 320),
    "EfficientNetB3": (24, 32, 48, 136, 384),
}


@pytest.mark.parametrize("size", [64, pytest.param(75, marks=pytest.mark.sweep)])
def test_b0_equals_keras(size, tmp_path):
    assert keras_reference.relative_error("EfficientNetB0", tmp_path, size=size) < 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("include_top", [True, False])
@pytest.mark.parametrize("name", COUNTS)
def test_all_equal_keras(name, include_top, tmp_path):
    error = keras_reference.relative_error(name, tmp_path, size=96, include_top=include_top)
    assert error < 1e-5


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "timm/efficientnet_b0" else pytest.mark.sweep)
        for name in goldens.names("efficientnet")
    ],
)
def test_goldens_of_timm(name):
    assert goldens.relative_error(name) < 1e-5


@pytest.mark.parametrize("name", COUNTS)
def test_facts_have_the_published_count(name):
    assert facts(name)["params"] == COUNTS[name][0]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "EfficientNetB0" else pytest.mark.sweep)
        for name in COUNTS
    ],
)
def test_counts_are_those_of_keras(name):
    assert counts(name) == COUNTS[name]


@pytest.mark.parametrize(
    "name", ["EfficientNetB0", pytest.param("EfficientNetB3", marks=pytest.mark.sweep)]
)
def test_pyramid(name):
    app = getattr(kapps.applications, name)
    shape = keras_reference.image_shape(128)
    pyramid = app.features(weights=None, input_shape=shape, levels=(1, 2, 3, 4, 5))
    shapes = [output.shape[1:] for output in pyramid.outputs]
    expected = zip((64, 32, 16, 8, 4), PYRAMID[name], strict=True)
    assert shapes == [(side, side, channels) for side, channels in expected]
