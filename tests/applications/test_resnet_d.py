"""ResNet-D against timm."""

import pytest

from kapps.applications import FAMILIES, ResNet50D, facts
from tests.parity import goldens

PARAMETERS = {  # reference_models.tsv
    "ResNet50D": 25_576_264,
    "ResNet101D": 44_568_392,
    "ResNet152D": 60_212_040,
    "ResNet200D": 64_693_064,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["resnet_d"]} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("resnet_d"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_pyramid():
    # Each stage has half the side of the one before, at odd sizes rounded up.
    pyramid = ResNet50D.features(weights=None, input_shape=(75, 75, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (19, 19, 256),
        (10, 10, 512),
        (5, 5, 1024),
        (3, 3, 2048),
    ]
