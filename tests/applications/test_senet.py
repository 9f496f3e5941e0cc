"""SENet against timm."""

import pytest

from kapps.applications import FAMILIES, SENet154, SENet154Gluon, SEResNet50, facts
from tests.parity import goldens
from tests.parity.sweep import sweep_but

PARAMETERS = {  # reference_models.tsv
    "SEResNet18": 11_778_592,
    "SEResNet34": 21_958_868,
    "SEResNet50": 28_088_024,
    "SEResNet50Legacy": 28_088_024,
    "SEResNet101": 49_326_872,
    "SEResNet152": 66_821_848,
    "SEResNet152D": 66_841_080,
    "SEResNeXt50_32x4d": 27_559_896,
    "SEResNeXt101_32x4d": 48_955_416,
    "SEResNeXt101_64x4d": 88_232_984,
    "SENet154": 115_088_984,
    "SENet154Gluon": 115_088_984,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["senet"]} == PARAMETERS


@pytest.mark.parametrize("name", sweep_but("timm/legacy_seresnet18", goldens.names("senet")))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize(
    # At 97 pixels the stem gives 49: Caffe's windows, which begin at the first pixel, are 24.
    ("app", "side"),
    [(SEResNet50, 25), (SENet154Gluon, 25), (SENet154, 24)],
)
def test_pyramid(app, side):
    pyramid = app.features(weights=None, input_shape=(97, 97, 3))
    sides = [side, 13 if side == 25 else 12, 7 if side == 25 else 6, 4 if side == 25 else 3]
    channels = (256, 512, 1024, 2048)
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (n, n, c) for n, c in zip(sides, channels, strict=True)
    ]
