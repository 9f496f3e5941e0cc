"""Unpooling: values return to where the maxima were."""

import keras
import numpy as np
import pytest

from kapps.layers import MaxPoolingWithSwitches2D, MaxUnpooling2D


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("pool_size", "strides"), [(2, 2), (3, 2), (3, 3), (2, 1)])
@pytest.mark.parametrize(("height", "width"), [(8, 9), (7, 6)])
def test_it_is_the_transpose_of_the_pooling(height, width, pool_size, strides, data_format):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, height, width, 3)).astype("float32")
    high, wide = ((n - pool_size) // strides + 1 for n in (height, width))
    values = rng.normal(size=(2, high, wide, 3)).astype("float32")
    maxima, expected = np.zeros_like(values), np.zeros_like(x)
    for b, i, j, c in np.ndindex(values.shape):
        window = x[b, i * strides :, j * strides :, c][:pool_size, :pool_size]
        row, column = np.unravel_index(window.argmax(), window.shape)
        maxima[b, i, j, c] = window.max()
        expected[b, i * strides + row, j * strides + column, c] += values[b, i, j, c]

    def turned(array, axes=(0, 3, 1, 2)):
        return array.transpose(axes) if data_format == "channels_first" else array

    image, given = keras.Input(turned(x).shape[1:]), keras.Input(turned(values).shape[1:])
    pooled, switches = MaxPoolingWithSwitches2D(pool_size, strides, data_format)(image)
    back = MaxUnpooling2D((height, width), pool_size, strides, data_format)([given, switches])
    model = keras.Model([image, given], [pooled, back])
    got = [keras.ops.convert_to_numpy(y) for y in model([turned(x), turned(values)])]
    assert model.output_shape[1] == back.shape == (None, *turned(x).shape[1:])
    np.testing.assert_array_equal(turned(got[0], (0, 2, 3, 1)), maxima)
    np.testing.assert_allclose(turned(got[1], (0, 2, 3, 1)), expected, rtol=1e-6, atol=1e-6)


def test_they_survive_a_file(tmp_path):
    image = keras.Input((7, 8, 3))
    model = keras.Model(image, MaxUnpooling2D((7, 8))(MaxPoolingWithSwitches2D()(image)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(1, 7, 8, 3)).astype("float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
