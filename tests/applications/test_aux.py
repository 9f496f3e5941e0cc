"""Classifiers on the side: further outputs for training, which a model may have or not."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import GoogLeNet, InceptionV1BN, InceptionV3, MobileNetV2

SMALL = {"classes": 3, "input_shape": (64, 64, 3)}


@pytest.fixture(scope="module")
def model():
    return InceptionV1BN(weights=None, aux=True, name="all", **SMALL)


def test_the_main_output_comes_first(model):
    assert [tuple(output.shape) for output in model.outputs] == [(None, 3)] * 3
    assert model.output_names == ["predictions", "aux1_predictions", "aux2_predictions"]


def test_its_weights_fit_a_model_without_it(model, tmp_path):
    path = tmp_path / "trained.weights.h5"
    model.save_weights(path)
    plain = InceptionV1BN(weights=path, **SMALL)
    assert len(plain.outputs) == 1
    assert not plain.load_report.new
    again = InceptionV1BN(weights=path, aux=True, **SMALL)
    assert len(again.load_report.loaded) == len(kapps.weights.port.variables_of(model))
    other = InceptionV1BN(weights=path, aux=True, **SMALL | {"classes": 5})
    assert {name.rpartition("/")[0] for name in other.load_report.new} == set(model.output_names)


def test_weights_without_it_leave_it_new(tmp_path):
    path = tmp_path / "plain.weights.h5"
    InceptionV1BN(weights=None, **SMALL).save_weights(path)
    report = InceptionV1BN(weights=path, aux=True, **SMALL).load_report
    assert "aux2_fc1/kernel" in report.new
    assert all(name.startswith("aux") for name in report.new)


@pytest.mark.sweep
def test_all_losses_train(model):
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 3, loss_weights=[1.0, 0.3, 0.3])
    x, y = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)), np.array([0, 2])
    names = ("stem", "aux1", "aux2")
    kernels = [model.get_layer(f"{name}_conv").kernel for name in names]
    before = [keras.ops.convert_to_numpy(kernel) for kernel in kernels]
    model.train_on_batch(x.astype("float32"), [y, y, y])
    for kernel, old in zip(kernels, before, strict=True):
        assert np.any(old != keras.ops.convert_to_numpy(kernel))


def test_errors():
    with pytest.raises(ValueError, match="aux=True with include_top=False has no effect"):
        InceptionV3(weights=None, aux=True, include_top=False)
    with pytest.raises(ValueError, match="aux=True has no effect in InceptionV3.features"):
        InceptionV3.features(weights=None, aux=True)
    with pytest.raises(ValueError, match="aux=True: maps of 3x3 are too small"):
        InceptionV3(weights=None, aux=True, input_shape=(75, 75, 3))
    with pytest.raises(ValueError, match="aux=True: maps of 4x4 are too small"):
        GoogLeNet(weights=None, aux=True, **SMALL)
    with pytest.raises(TypeError, match="no argument 'aux'"):
        MobileNetV2(weights=None, aux=True)
    with pytest.raises(ValueError, match="is not a functional model with one output"):
        kapps.replace_head(InceptionV1BN(weights=None, aux=True, **SMALL), 3)
