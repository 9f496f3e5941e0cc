"""BlurPool2D against the paper's formula, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import BlurPool2D

# TensorFlow has no channels-first convolutions on a CPU.
TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]
LINES = {2: [1, 1], 3: [1, 2, 1], 5: [1, 4, 6, 4, 1]}  # the filters of the paper


def pooled(x, data_format, static=True, **arguments):
    """(batch, height, width, channels) through a model that was saved and loaded."""
    first = data_format == "channels_first"
    x = x.transpose(0, 3, 1, 2) if first else x
    shape = x.shape[1:] if static else tuple(3 if n == 3 else None for n in x.shape[1:])
    image = keras.Input(shape)
    model = keras.Model(image, BlurPool2D(data_format=data_format, **arguments)(image))
    model = keras.Model.from_config(model.get_config())
    y = model.predict(x, verbose=0)
    assert all(a in (None, b) for a, b in zip(model.output_shape[1:], y.shape[1:], strict=True))
    return y.transpose(0, 2, 3, 1) if first else y


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("pool_size", LINES)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10)])
def test_blurs_then_subsamples(height, width, pool_size, data_format):
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    line = np.array(LINES[pool_size]) / sum(LINES[pool_size])
    border = ((pool_size - 1) // 2, pool_size // 2)
    padded = np.pad(x, ((0, 0), border, border, (0, 0)), mode="reflect")
    rows = sum(line[i] * padded[:, i : i + height] for i in range(pool_size))
    blurred = sum(line[i] * rows[:, :, i : i + width] for i in range(pool_size))
    y = pooled(x, data_format, pool_size=pool_size, strides=2)
    np.testing.assert_allclose(y, blurred[:, ::2, ::2], atol=1e-6)


@pytest.mark.parametrize("data_format", FORMATS)
def test_a_pattern_of_single_pixels_does_not_alias(data_format):
    # Every second column is 1: subsampling alone would see only one of the two values.
    x = np.zeros((1, 8, 8, 3), "float32")
    x[:, :, ::2] = 1
    np.testing.assert_allclose(pooled(x, data_format, static=False), 0.5, atol=1e-6)
