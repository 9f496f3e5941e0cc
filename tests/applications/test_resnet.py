"""ResNet, ResNeXt and Wide ResNet against keras.applications, timm and torchvision."""

import math

import keras
import pytest

import kapps
from kapps.applications import FAMILIES, ResNet18, ResNet50, facts, resnet50
from tests.parity import goldens, keras_reference

# Trainable parameters and statistics of normalisations (reference_models.tsv).
KERAS = {
    "ResNet50": (25_583_592, 53_120),
    "ResNet101": (44_601_832, 105_344),
    "ResNet152": (60_268_520, 151_424),
}
TORCH = {
    "ResNet18": (11_689_512, 9_600),
    "ResNet26": (15_995_176, 30_848),
    "ResNet34": (21_797_672, 17_024),
    "ResNet50": (25_557_032, 53_120),
    "ResNet101": (44_549_160, 105_344),
    "ResNet152": (60_192_808, 151_424),
    "ResNeXt50_32x4d": (25_028_904, 68_224),
    "ResNeXt101_32x4d": (44_177_704, 137_856),
    "ResNeXt101_32x8d": (88_791_336, 202_880),
    "ResNeXt101_64x4d": (83_455_272, 202_880),
    "WideResNet50_2": (68_883_240, 68_224),
    "WideResNet101_2": (126_886_696, 137_856),
}
FLAVORS = [
    *((name, "keras", *counts) for name, counts in KERAS.items()),
    *((name, "torch", *counts) for name, counts in TORCH.items()),
]


def test_parameters():
    expected = {name: (TORCH | KERAS)[name][0] for name in FAMILIES["resnet"]}
    assert {name: facts(name)["params"] for name in FAMILIES["resnet"]} == expected


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "flavor", "trainable", "statistics"), FLAVORS)
def test_parameters_of_the_network(name, flavor, trainable, statistics):
    app = getattr(kapps.applications, name)
    model = app(weights=None, flavor=flavor, input_shape=(32, 32, 3))
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == trainable
    assert sum(math.prod(v.shape) for v in model.non_trainable_variables) == statistics


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "timm/resnet18" else pytest.mark.sweep)
        for name in goldens.names("resnet")
    ],
)
def test_equals_timm(name):
    assert goldens.relative_error(name) <= 1e-5


def test_equals_keras(tmp_path):
    assert keras_reference.relative_error("ResNet50", tmp_path, size=64) <= 1e-5


@pytest.mark.sweep
@pytest.mark.parametrize("name", KERAS)
@pytest.mark.parametrize(("size", "include_top"), [(64, True), (75, False)])
@pytest.mark.parametrize("include_preprocessing", [True, False])
def test_every_member_equals_keras(tmp_path, name, size, include_top, include_preprocessing):
    error = keras_reference.relative_error(
        name,
        tmp_path,
        size=size,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
    )
    assert error <= 1e-5


def test_flavors_stride_in_different_places():
    # Keras: on the first 1x1 convolution, as in the paper; torch: on the 3x3 ("v1.5").
    for flavor, strides in (("keras", (2, 1)), ("torch", (1, 2))):
        model = ResNet50(weights=None, flavor=flavor, include_top=False)
        layers = [model.get_layer(f"stage2_block1_{i}_conv") for i in (1, 2)]
        assert tuple(layer.strides[0] for layer in layers) == strides


@pytest.mark.parametrize(("app", "expansion"), [(ResNet18, 1), (ResNet50, 4)])
def test_pyramid(app, expansion):
    # Table 1 of the paper, at 64 pixels.
    pyramid = app.features(weights=None, input_shape=(64, 64, 3))
    assert [tuple(output.shape[1:]) for output in pyramid.outputs] == [
        (16, 16, 64 * expansion),
        (8, 8, 128 * expansion),
        (4, 4, 256 * expansion),
        (2, 2, 512 * expansion),
    ]


def test_modules_of_keras():
    assert resnet50.ResNet50 is ResNet50


def test_stochastic_depth_changes_no_weight():
    """Recipes A1 and A2 of Wightman et al. (2021), table 2, have it; the paper's network not."""
    plain, deep = (
        ResNet18(weights=None, input_shape=(32, 32, 3), drop_path=rate) for rate in (None, 0.07)
    )
    names = {layer.name: layer for layer in deep.layers}
    dropped = [n for n, layer in names.items() if isinstance(layer, keras.layers.Dropout)]
    assert {layer.name for layer in plain.layers} == names.keys() - dropped
    assert {v.path: v.shape for v in plain.weights} == {v.path: v.shape for v in deep.weights}
    # 8 blocks, of which the first is never dropped.
    rates = [pytest.approx(0.07 * i / 7) for i in range(1, 8)]
    assert [names[n].rate for n in dropped] == rates
