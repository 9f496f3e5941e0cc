"""DarkNet against its papers and timm."""

import math

import keras
import pytest

from kapps.applications import CSPDarkNet53, DarkNet19, DarkNet53, facts
from tests.parity import goldens

PARAMETERS = {  # the first counted by hand, the others in timm (reference_models.tsv)
    "DarkNet19": 20_842_376,
    "DarkNet53": 41_609_928,
    "CSPDarkNet53": 27_642_184,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in PARAMETERS} == PARAMETERS


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "timm/cspdarknet53" else pytest.mark.sweep)
        for name in goldens.names("darknet")
    ],
)
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_darknet19_is_table_6_of_yolo9000():
    model = DarkNet19(weights=None)
    layers = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert [(x.filters, x.kernel_size[0], x.output.shape[1]) for x in layers] == [
        (32, 3, 224),
        (64, 3, 112),
        (128, 3, 56),
        (64, 1, 56),
        (128, 3, 56),
        (256, 3, 28),
        (128, 1, 28),
        (256, 3, 28),
        (512, 3, 14),
        (256, 1, 14),
        (512, 3, 14),
        (256, 1, 14),
        (512, 3, 14),
        (1024, 3, 7),
        (512, 1, 7),
        (1024, 3, 7),
        (512, 1, 7),
        (1024, 3, 7),
    ]
    assert sum(math.prod(v.shape) for v in model.non_trainable_variables) == 14_400
    # The paper's 5.58 billion operations count a product and a sum as two, and its classifier at
    # each of 7x7 positions, before the mean.
    macs = facts("DarkNet19")["macs"] + (7 * 7 - 1) * 1024 * 1000
    assert 2 * macs == pytest.approx(5.58e9, rel=1e-3)


@pytest.mark.parametrize(("app", "slope"), [(DarkNet19, 0.1), (DarkNet53, 0.01)])
def test_slope(app, slope):
    for arguments, expected in (({}, slope), ({"negative_slope": 0.3}, 0.3)):
        model = app(weights=None, include_top=False, input_shape=(32, 32, 3), **arguments)
        slopes = {x.negative_slope for x in model.layers if isinstance(x, keras.layers.LeakyReLU)}
        assert slopes == {expected}


@pytest.mark.parametrize("app", [DarkNet19, DarkNet53, CSPDarkNet53])
def test_pyramid(app):
    pyramid = app.features(weights=None, input_shape=(64, 64, 3), levels=(3, 4, 5))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (8, 8, 256),
        (4, 4, 512),
        (2, 2, 1024),
    ]
