"""Bad arguments of an application get one sentence: the value, what was expected, the fix."""

import keras
import pytest

from kapps.applications import find_application, get, list_models
from kapps.applications.mobilenet_v2 import MobileNetV2, decode_predictions

CASES = [
    ({"flavor": "caffe"}, "flavor='caffe': MobileNetV2 exists in 'keras', 'torch'"),
    ({"pooling": "mean"}, "pooling='mean': expected one of 'avg', 'max', None"),
    ({"classes": 0}, "classes=0: expected a whole number of at least 1"),
    ({"classes": 2.5}, "classes=2.5: expected a whole number of at least 1"),
    ({"dropout": 1.0}, "dropout=1.0: expected a rate in [0, 1)"),
    ({"classes": 5, "include_top": False}, "with include_top=False has no effect; drop one"),
    ({"drop_path": 0.1}, "MobileNetV2 has no stochastic depth; drop it"),
    ({"include_preprocessing": "tensorflw"}, "did you mean 'tensorflow'?"),
    ({"input_shape": (224, 224)}, "expected three whole numbers (height, width, channels)"),
    ({"input_shape": (16, 16, 3)}, "MobileNetV2 needs at least 32x32 pixels"),
    ({"input_shape": (None, None, 3)}, "needs a static height and width"),
    ({"input_shape": (64, 64, None)}, "expected a known number of channels"),
    ({"input_tensor": 3}, "input_tensor is of type int; expected a Keras tensor"),
]


@pytest.mark.parametrize(("arguments", "sentence"), CASES)
def test_value(arguments, sentence):
    with pytest.raises(ValueError) as error:
        MobileNetV2(weights=None, **arguments)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_argument():
    with pytest.raises(TypeError, match="no argument 'include_topp'; did you mean 'include_top'"):
        MobileNetV2(include_topp=False)


def test_positional_argument():
    with pytest.raises(TypeError, match="arguments are given by name only"):
        MobileNetV2((224, 224, 3))


def test_input_shape_against_input_tensor():
    with pytest.raises(ValueError, match="does not agree with the shape"):
        MobileNetV2(weights=None, input_tensor=keras.Input((64, 64, 3)), input_shape=(32, 32, 3))


def test_features_have_no_head():
    with pytest.raises(ValueError, match="has no effect in MobileNetV2.features"):
        MobileNetV2.features(weights=None, classes=3)
    with pytest.raises(ValueError, match="has the levels"):
        MobileNetV2.features(weights=None, levels=(2, 9))


def test_unknown_application():
    with pytest.raises(ValueError, match="no application 'MobilNetV2'; did you mean 'MobileNetV2'"):
        get("MobilNetV2")
    with pytest.raises(ValueError, match="did you mean 'MobileNetV2'"):
        get("mobilenetv2")


def test_unknown_reference():
    with pytest.raises(ValueError, match="did you mean 'timm/mobilenetv2_"):
        find_application("timm/mobilenetv2_101")


def test_unknown_family():
    with pytest.raises(ValueError, match="did you mean 'mobilenet_v2'"):
        list_models(family="mobilnet_v2")


def test_decode_predictions_of_another_model():
    with pytest.raises(ValueError, match=r"preds has shape \(1, 5\); expected \(images, 1000\)"):
        decode_predictions([[0.2] * 5])


def test_missing_file():
    with pytest.raises(FileNotFoundError, match="'nowhere.h5': there is no such file"):
        MobileNetV2(weights="nowhere.h5")


def test_activation_of_a_pretrained_head():
    with pytest.raises(ValueError, match="expected 'softmax', or None for logits"):
        MobileNetV2(weights="imagenet", classifier_activation="relu")
