"""Maps as patches and back, and the attention of linear cost on them."""

import keras
import numpy as np
import pytest

from kapps.layers import LinearAttention, MapToPatches, PatchesToMap

FORMATS = ("channels_last", "channels_first")


def image(data_format):
    """(2, 4, 6, 3), or channels first."""
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    return x if data_format == "channels_last" else x.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_there_and_back(data_format, rows, known):
    x, last = image(data_format), image("channels_last")
    shape = [
        size if known or axis == (2 if data_format == "channels_last" else 0) else None
        for axis, size in enumerate(x.shape[1:])
    ]
    inputs = keras.Input(shape)
    patches = MapToPatches(2, rows, data_format)(inputs)
    outputs = PatchesToMap(2, rows, data_format)([patches, inputs])
    found, back = keras.Model(inputs, [patches, outputs]).predict(x, verbose=0, batch_size=2)
    found = found.reshape(2, 4, 6, 3)  # image, pixel of a patch, patch, channel
    for pixel in range(4):
        for patch in range(6):
            row, column = 2 * (patch // 3) + pixel // 2, 2 * (patch % 3) + pixel % 2
            assert np.array_equal(found[:, pixel, patch], last[:, row, column])
    assert np.array_equal(back, x)


def test_linear_attention():
    # Equation 3 of the paper, written out.
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 7)).astype("float32")
    score, key, value = x[..., :1], x[..., 1:4], x[..., 4:]
    weights = np.exp(score) / np.exp(score).sum(axis=2, keepdims=True)
    expected = np.maximum(value, 0) * (weights * key).sum(axis=2, keepdims=True)
    inputs = keras.Input((4, None, 7))
    found = keras.Model(inputs, LinearAttention()(inputs)).predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
