"""Stochastic and mixed pooling against their papers' formulas."""

import keras
import numpy as np
import pytest

from kapps.layers import MixedPooling2D, StochasticPooling2D

# TensorFlow has no channels-first pooling on a CPU.
TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]


def images(count=2):
    # After a ReLU: half of the pixels are zero.
    return np.maximum(0, np.random.default_rng(2).normal(size=(count, 7, 8, 3))).astype("float32")


def run(layer, x, data_format, training):
    first = data_format == "channels_first"
    y = layer(x.transpose(0, 3, 1, 2) if first else x, training=training)
    y = keras.ops.convert_to_numpy(y)
    return y.transpose(0, 2, 3, 1) if first else y


def pooled(x, reduce, pool_size=3, strides=2):
    high, wide = ((n - pool_size) // strides + 1 for n in x.shape[1:3])
    y = np.zeros((len(x), high, wide, x.shape[3]))
    for i in range(high):
        for j in range(wide):
            window = x[:, i * strides :, j * strides :][:, :pool_size, :pool_size]
            y[:, i, j] = reduce(window.reshape(len(x), -1, x.shape[3]))
    return y


@pytest.mark.parametrize("data_format", FORMATS)
def test_inference_weighs_each_pixel_by_its_probability(data_format):
    x = images()
    x[:, :3, :3] = 0
    got = run(StochasticPooling2D(3, 2, data_format), x, data_format, False)
    expected = pooled(x, lambda w: (w**2).sum(1) / np.maximum(w.sum(1), 1e-30))
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert not got[:, 0, 0].any()


@pytest.mark.parametrize("data_format", FORMATS)
def test_training_draws_pixels_in_proportion_to_their_values(data_format):
    window = np.array([[0.0, 1.0], [3.0, 4.0]], "float32")
    x = np.broadcast_to(window[None, :, :, None], (8000, 2, 2, 1))
    drawn = run(StochasticPooling2D(2, data_format=data_format, seed=0), x, data_format, True)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [1.0, 3.0, 4.0]
    np.testing.assert_allclose(counts / len(x), values / 8, atol=0.02)
    zeros = run(StochasticPooling2D(2, data_format=data_format), 0 * x, data_format, True)
    assert not zeros.any()


@pytest.mark.parametrize("data_format", FORMATS)
def test_a_learnt_proportion_of_maximum_and_mean(data_format):
    x, layer = images(), MixedPooling2D(3, 2, data_format)
    run(layer, x, data_format, False)
    layer.proportion.assign(0.3)
    expected = pooled(x, lambda w: 0.3 * w.max(1) + 0.7 * w.mean(1))
    np.testing.assert_allclose(run(layer, x, data_format, True), expected, rtol=1e-5)
    assert float(layer.proportion.constraint(keras.ops.convert_to_tensor(1.5))) == 1.0


@pytest.mark.parametrize("data_format", FORMATS)
def test_a_drawn_proportion_is_a_whole_maximum_or_a_whole_mean(data_format):
    x, layer = images(500), MixedPooling2D(3, 2, data_format, random=True, seed=1)
    highest, mean = pooled(x, lambda w: w.max(1)), pooled(x, lambda w: w.mean(1))
    got = run(layer, x, data_format, True)
    is_highest = np.isclose(got, highest, rtol=1e-5).all(axis=(1, 2))
    is_mean = np.isclose(got, mean, rtol=1e-5).all(axis=(1, 2))
    assert (is_highest | is_mean).all()
    assert abs(is_highest.mean() - 0.5) < 0.05
    got = run(layer, x, data_format, False)
    np.testing.assert_allclose(got, (highest + mean) / 2, rtol=1e-5)
    assert layer.trainable_variables == []


@pytest.mark.parametrize(
    "layer", [StochasticPooling2D(3, 2), MixedPooling2D(2), MixedPooling2D(2, random=True)]
)
def test_they_survive_a_file(layer, tmp_path):
    image = keras.Input((7, 8, 3))
    model = keras.Model(image, layer(image))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = images()
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.layers[1].get_config() == layer.get_config()
