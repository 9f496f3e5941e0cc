"""Adaptive average pooling against torch's rule, on every backend, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import AdaptiveAveragePooling2D, Blocks, adaptive_avg_pool

# TensorFlow has no channels-first pooling on a CPU.
TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]


def images(height, width):
    return np.random.default_rng(1).normal(size=(2, height, width, 3)).astype("float32")


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("height", "width", "size"), [(13, 13, 6), (7, 9, 7), (2, 3, 7), (14, 14, 7)]
)
def test_averages_are_torchs(height, width, size, data_format):
    x = images(height, width)
    first = data_format == "channels_first"
    given = x.transpose(0, 3, 1, 2) if first else x
    image = keras.Input(given.shape[1:])
    model = keras.Model(
        image, adaptive_avg_pool(image, Blocks(data_format=data_format), size, name="pool")
    )
    got = model.predict(given, verbose=0)
    assert got.shape[1:] == model.output_shape[1:]
    got = got.transpose(0, 2, 3, 1) if first else got

    def edges(n):  # torch's rule
        return [(i * n // size, -(-(i + 1) * n // size)) for i in range(size)]

    expected = [
        [x[:, top:bottom, left:right].mean(axis=(1, 2)) for left, right in edges(width)]
        for top, bottom in edges(height)
    ]
    np.testing.assert_allclose(got, np.moveaxis(expected, 2, 0), rtol=1e-5, atol=1e-6)


def test_a_map_of_that_size_is_left_alone():
    image = keras.Input((7, 7, 3))
    assert adaptive_avg_pool(image, Blocks(), 7, name="pool") is image


def test_it_survives_a_file(tmp_path):
    image = keras.Input((5, 4, 3))
    model = keras.Model(image, AdaptiveAveragePooling2D(3)(image))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(images(5, 4), verbose=0), model.predict(images(5, 4), verbose=0)
    )
