"""Blocks against their definitions."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, drop_path_rates, make_divisible


# The reference function's own results for widths of MobileNetV2 (Sandler et al., 2018, table 2).
@pytest.mark.parametrize(
    ("value", "expected"),
    [(32 * 0.35, 16), (24 * 0.35, 8), (16 * 0.35, 8), (96 * 0.35, 32), (32 * 1.4, 48), (17.9, 24)],
)
def test_make_divisible(value, expected):
    assert make_divisible(value) == expected


def test_drop_path_rates_rise_and_stay_below_the_highest():
    assert drop_path_rates(0.2, 4) == [0.0, 0.05, 0.1, pytest.approx(0.15)]


def conv_by_hand(x, kernel, strides, before, after):
    """A convolution of one image by its definition: x (h, w, c), kernel (k, k, c, filters)."""
    x = np.pad(x, ((before, after), (before, after), (0, 0)))
    size = kernel.shape[0]
    out = (x.shape[0] - size) // strides + 1
    result = np.zeros((out, out, kernel.shape[3]))
    for i in range(out):
        for j in range(out):
            piece = x[i * strides : i * strides + size, j * strides : j * strides + size]
            result[i, j] = np.tensordot(piece, kernel, 3)
    return result


@pytest.mark.parametrize(
    # TensorFlow pads an even side by (0, 1) for a 3x3 stride of two, torch by (1, 1).
    ("padding", "side", "before", "after"),
    [("same", 8, 0, 1), ("same", 9, 1, 1), ("symmetric", 8, 1, 1), ("symmetric", 9, 1, 1)],
)
def test_padding_of_a_strided_convolution(padding, side, before, after):
    rng = np.random.default_rng(0)
    image = keras.Input((side, side, 2))
    model = keras.Model(image, Blocks(padding=padding).conv(image, 4, 3, 2, name="c"))
    x = rng.normal(size=(1, side, side, 2)).astype("float32")
    kernel = np.asarray(keras.ops.convert_to_numpy(model.get_layer("c").kernel))
    expected = conv_by_hand(x[0], kernel, 2, before, after)
    np.testing.assert_allclose(model.predict(x, verbose=0)[0], expected, atol=1e-5)


def test_conv_norm_act_names_its_layers():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, Blocks().conv_norm_act(image, 4, 3, name="stem"))
    assert [layer.name for layer in model.layers[1:]] == ["stem_conv", "stem_norm", "stem_act"]
    assert not model.get_layer("stem_conv").use_bias


def test_squeeze_excite_scales_each_channel():
    image = keras.Input((4, 4, 6))
    model = keras.Model(image, Blocks().squeeze_excite(image, 2, name="se"))
    x = np.random.default_rng(1).normal(size=(1, 4, 4, 6)).astype("float32")
    get = {v.path: np.asarray(keras.ops.convert_to_numpy(v)) for v in model.variables}
    squeezed = np.maximum(x.mean((1, 2)) @ get["se_reduce_conv/kernel"][0, 0], 0)
    gate = 1 / (1 + np.exp(-(squeezed @ get["se_expand_conv/kernel"][0, 0])))
    np.testing.assert_allclose(model.predict(x, verbose=0), x * gate[:, None, None], atol=1e-5)


def test_flatten_does_not_depend_on_the_data_format():
    x = np.arange(24, dtype="float32").reshape(1, 2, 3, 4)
    last = keras.Input((2, 3, 4))
    first = keras.Input((4, 2, 3))
    as_last = keras.Model(last, Blocks().flatten(last, name="f"))
    as_first = keras.Model(first, Blocks(data_format="channels_first").flatten(first, name="f"))
    np.testing.assert_array_equal(
        as_last.predict(x, verbose=0), as_first.predict(x.transpose(0, 3, 1, 2), verbose=0)
    )


def test_residual_drops_whole_samples_in_training_only():
    image = keras.Input((2, 2, 1))
    x = Blocks().residual(keras.ops.zeros_like(image), image, 0.5, name="r")
    model = keras.Model(image, x)
    ones = np.ones((64, 2, 2, 1), "float32")
    np.testing.assert_array_equal(model.predict(ones, verbose=0), ones)
    trained = np.asarray(keras.ops.convert_to_numpy(model(ones, training=True)))
    assert set(np.unique(trained)) == {0.0, 2.0}
    assert (trained == trained[:, :1, :1]).all()


def test_the_slope_of_a_leaky_relu_is_the_networks():
    image = keras.Input((1, 1, 2))
    nn = Blocks(activation="leaky_relu", negative_slope=0.1)
    model = keras.Model(image, nn.act(image, name="act"))
    x = np.array([-2.0, 3.0], "float32").reshape(1, 1, 1, 2)
    np.testing.assert_allclose(model.predict(x, verbose=0).ravel(), [-0.2, 3.0], rtol=1e-6)
