"""The normalisation layer and what it carries."""

import keras
import numpy as np
import pytest

from kapps.layers import PREPROCESSING, Normalize, normalize, spec_of


def imagenet(x):
    """torchvision's documented normalisation of RGB in [0, 255]."""
    return (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_it_normalises_each_channel(data_format):
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype="uint8")
    first = data_format == "channels_first"
    image = keras.Input((3, 4, 5) if first else (4, 5, 3))
    model = keras.Model(image, normalize(image, PREPROCESSING["torch"], data_format, {"a": 1}))
    got = model.predict(x.transpose(0, 3, 1, 2) if first else x, verbose=0)
    got = got.transpose(0, 2, 3, 1) if first else got
    np.testing.assert_allclose(got, imagenet(x), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    # The ranges that Keras's preprocess_input documents for 0 and 255.
    [("tensorflow", -1.0, 1.0), ("unit", 0.0, 1.0), ("identity", 0.0, 255.0)],
)
def test_ranges(name, low, high):
    image = keras.Input((1, 1, 3))
    model = keras.Model(image, normalize(image, PREPROCESSING[name], "channels_last", {}))
    ends = np.stack([np.zeros((1, 1, 3)), np.full((1, 1, 3), 255.0)])
    got = model.predict(ends, verbose=0)[:, 0, 0, 0]
    np.testing.assert_allclose(got, [low, high], atol=1e-6)


def test_equal_channels_become_one_number():
    image = keras.Input((2, 2, 3))
    x = normalize(image, PREPROCESSING["lite"], "channels_last", {})
    layer = keras.Model(image, x).layers[1]
    assert layer.scale == 1 / 128
    assert layer.offset == -127 / 128


def test_a_gray_image_takes_the_average():
    mean, std = PREPROCESSING["caffe"].for_channels(1)
    assert mean == pytest.approx(((123.68 + 116.779 + 103.939) / 3,))
    assert std == (1.0,)


def test_the_spec_survives_a_configuration():
    layer = Normalize([1.0, 2.0, 3.0], 0.5, "channels_first", {"size": 7})
    again = Normalize.from_config(layer.get_config())
    assert again.spec == {"size": 7}
    assert again.data_format == "channels_first"


def test_a_foreign_model_has_no_spec():
    image = keras.Input((2,))
    with pytest.raises(ValueError, match="does not carry its preprocessing"):
        spec_of(keras.Model(image, image))
