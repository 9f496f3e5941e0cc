"""BiT against timm."""

import math

import keras
import pytest

import kapps
from kapps.applications import FAMILIES, BiTResNet50X1, facts
from kapps.layers import GroupNormalization, StandardizedConv2D
from tests.parity import goldens

PARAMETERS = {  # reference_models.tsv
    "BiTResNet50X1": 25_549_352,
    "BiTResNet50X3": 217_319_080,
    "BiTResNet101X1": 44_541_480,
    "BiTResNet101X3": 387_934_888,
    "BiTResNet152X2": 236_335_208,
    "BiTResNet152X4": 936_533_224,
}


def test_parameters():
    assert {name: facts(name)["params"] for name in FAMILIES["bit"]} == PARAMETERS


@pytest.mark.parametrize("name", goldens.names("bit"))
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", FAMILIES["bit"])
def test_a_wider_network_has_the_tensors_of_a_narrow_one_but_wider(name):
    depth, width = map(int, name.removeprefix("BiTResNet").split("X"))
    narrow = {50: "BiTResNet50X1", 101: "BiTResNet101X1"}.get(depth, "ResNet152V2")
    small = getattr(kapps.applications, narrow)(
        weights=None, flavor="torch", input_shape=(32, 32, 3)
    )
    wide = getattr(kapps.applications, name)(weights=None, input_shape=(32, 32, 3))
    shapes = {v.path: v.shape for v in wide.trainable_variables}
    for v in small.trainable_variables:
        fixed = 3 if v.path == "stem_conv/kernel" else 1000  # colours and classes do not scale
        expected = tuple(
            n if n == fixed or (len(v.shape) == 4 and axis < 2) else n * width
            for axis, n in enumerate(v.shape)
        )
        assert shapes.pop(v.path) == expected, v.path
    assert not shapes


def test_layers():
    model = BiTResNet50X1(weights=None, input_shape=(32, 32, 3))
    convolutions = [x for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    norms = [x for x in model.layers if isinstance(x, keras.layers.GroupNormalization)]
    assert {type(x) for x in convolutions} == {StandardizedConv2D}
    assert {type(x) for x in norms} == {GroupNormalization}
    assert {(x.groups, x.epsilon) for x in norms} == {(32, 1e-5)}
    assert not any(isinstance(x, keras.layers.BatchNormalization) for x in model.layers)
    statistics = sum(math.prod(v.shape) for v in model.non_trainable_variables)
    assert statistics == 0


def test_pyramid():
    pyramid = BiTResNet50X1.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
        (2, 2, 2048),
    ]
