"""What happens to a model before conversion must not change what it computes."""

import keras
import numpy as np
import pytest

from kapps import layers
from kapps.errors import ExportError
from kapps.export import _rebuild
from tests.export.conftest import network


def test_half_precision_is_rebuilt_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
    finally:
        keras.config.set_dtype_policy("float32")
    rebuilt, notes = _rebuild.prepare(model)
    assert notes == ["rebuilt in float32 from mixed_float16"]
    assert {layer.compute_dtype for layer in rebuilt.layers} == {"float32"}
    for old, new in zip(model.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_channels_first_is_rebuilt_in_channels_last():
    from kapps.applications import MobileNetV2

    keras.config.set_image_data_format("channels_first")
    try:
        first = MobileNetV2(alpha=0.35, weights=None, input_shape=(3, 64, 64), classes=4)
    finally:
        keras.config.set_image_data_format("channels_last")
    last = MobileNetV2(alpha=0.35, weights=None, input_shape=(64, 64, 3), classes=4)
    last.set_weights(first.get_weights())
    rebuilt, notes = _rebuild.prepare(first)
    assert notes == ["rebuilt in channels_last from channels_first"]
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(rebuilt(pixels), last(pixels), rtol=2e-4, atol=2e-5)


def everything_first(image):
    """Whatever names an axis or a shape of its own in networks of channels_first."""
    nn = layers.Blocks(data_format="channels_first")
    x = layers.efficient_channel_attention(nn.conv(image, 8, 3, name="stem"), nn, name="eca")
    x = layers.split_attention(x, nn, 8, 1, groups=2, name="split")
    x = nn.layer_norm(x, 1e-6, name="norm")
    x = layers.LocalResponseNormalization(axis=1, name="local")(x)
    x = layers.GlobalResponseNormalization(axis=1, name="response")(x)
    x = nn.layer_scale(x, 0.5, name="scale")
    lines = keras.layers.Reshape((4, -1))(nn.flatten(x, name="flatten"))
    lines = keras.layers.Concatenate(axis=1)([lines, lines[:, :1]])  # of no image
    return nn.dense(keras.layers.Flatten(name="again")(lines), 3, name="predictions")


def test_what_names_an_axis_or_a_shape_is_translated():
    keras.utils.set_random_seed(0)
    image = keras.Input((3, 6, 4))
    first = keras.Model(image, everything_first(image))
    rng = np.random.default_rng(0)
    for variable in first.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    rebuilt, _ = _rebuild.prepare(first)
    assert rebuilt.input_shape == (None, 6, 4, 3)
    pixels = rng.uniform(-1, 1, (2, 6, 4, 3)).astype("float32")
    expected = first(pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(rebuilt(pixels), expected, rtol=1e-4, atol=1e-4)


def test_a_model_in_float32_is_left_alone():
    model = network()
    assert _rebuild.prepare(model) == (model, [])


def test_branches_are_added_up():
    from kapps.layers import Blocks, branched_conv

    image = keras.Input((8, 8, 4))
    x = branched_conv(image, Blocks(padding="symmetric"), 4, 3, branches=2, name="stem")
    model = keras.Model(image, x)
    rebuilt, notes = _rebuild.prepare(model)
    assert notes == ["reparameterized: 9 layers became 2"]
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 4)).astype("float32")
    np.testing.assert_allclose(rebuilt(pixels), model(pixels), rtol=1e-5, atol=1e-4)


def test_models_quantised_by_keras_are_refused():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model.quantize("int8")
    with pytest.raises(ExportError, match="was quantised by Keras"):
        _rebuild.prepare(model)


@pytest.mark.parametrize(
    ("shape", "sentence"), [((10,), "expected one image"), ((None, None, 3), "size open")]
)
def test_what_is_not_an_image_of_known_size(shape, sentence):
    model = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(1.0)])
    with pytest.raises(ExportError, match=sentence):
        _rebuild.input_shape(model, None, 1)
