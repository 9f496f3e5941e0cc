"""Classifiers on the side: further outputs for training, which a model may have or not."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import InceptionV3, MobileNetV2

SHAPE = (299, 299, 3)  # the smallest whose maps are large enough


@pytest.fixture(scope="module")
def model():
    return InceptionV3(weights=None, aux=True, classes=3, name="both")


def test_the_main_output_comes_first(model):
    assert [tuple(output.shape) for output in model.outputs] == [(None, 3), (None, 3)]
    assert model.output_names == ["predictions", "aux_predictions"]
    added = sum(int(np.prod(v.shape)) for v in model.trainable_variables if "aux" in v.path)
    # torchvision: 3,326,696 with 1000 classes; here the normalisations have no gamma.
    assert added == 3_326_696 - 997 * 769 - 128 - 768


def test_its_weights_fit_a_model_without_it(model, tmp_path):
    path = tmp_path / "trained.weights.h5"
    model.save_weights(path)
    plain = InceptionV3(weights=path, classes=3)
    assert len(plain.outputs) == 1
    assert not plain.load_report.new
    again = InceptionV3(weights=path, classes=3, aux=True)
    assert len(again.load_report.loaded) == len(model.get_weights())
    other = InceptionV3(weights=path, classes=5, aux=True)
    assert {name.rpartition("/")[0] for name in other.load_report.new} == {
        "predictions",
        "aux_predictions",
    }


def test_weights_without_it_leave_it_new(tmp_path):
    path = tmp_path / "plain.weights.h5"
    InceptionV3(weights=None, classes=3).save_weights(path)
    report = InceptionV3(weights=path, classes=3, aux=True).load_report
    assert "aux_1_conv/kernel" in report.new
    assert all(name.startswith("aux_") for name in report.new)


def test_both_losses_train(model):
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2, loss_weights=[1.0, 0.4])
    x, y = np.zeros((2, *SHAPE), "float32"), np.array([0, 2])
    before = keras.ops.convert_to_numpy(model.get_layer("aux_1_conv").kernel)
    model.train_on_batch(x + np.arange(2).reshape(2, 1, 1, 1) * 99, [y, y])
    assert np.any(before != keras.ops.convert_to_numpy(model.get_layer("aux_1_conv").kernel))


def test_errors():
    with pytest.raises(ValueError, match="aux=True with include_top=False has no effect"):
        InceptionV3(weights=None, aux=True, include_top=False)
    with pytest.raises(ValueError, match="aux=True has no effect in InceptionV3.features"):
        InceptionV3.features(weights=None, aux=True)
    with pytest.raises(ValueError, match="aux=True: maps of 3x3 are too small"):
        InceptionV3(weights=None, aux=True, input_shape=(75, 75, 3))
    with pytest.raises(TypeError, match="no argument 'aux'"):
        MobileNetV2(weights=None, aux=True)
    with pytest.raises(ValueError, match="is not a functional model with one output"):
        kapps.replace_head(InceptionV3(weights=None, aux=True), 3)
