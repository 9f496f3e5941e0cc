"""Pooling against loops over windows, on every backend, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks
from kapps.layers.pooling import (
    AveragePooling2D,
    SamePadding2D,
    ceil_max_pool,
    symmetric_max_pool,
)

# TensorFlow has no channels-first pooling on a CPU.
TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]


def windows(x, pool_size, strides, before, outputs):
    """The pixels of (height, width, channels) in each window, those outside left out."""
    for i in range(outputs[0]):
        for j in range(outputs[1]):
            top, left = i * strides - before[0], j * strides - before[1]
            rows = slice(max(top, 0), top + pool_size)
            columns = slice(max(left, 0), left + pool_size)
            yield i, j, x[rows, columns].reshape(-1, x.shape[-1])


def pooled(x, pool_size, strides, reduce, symmetric=False):
    """`reduce` over each window of a batch, padded as TensorFlow's "same" or as torch does."""
    sizes = x.shape[1:3]
    outputs = [-(-size // strides) for size in sizes]
    totals = [
        max((o - 1) * strides + pool_size - n, 0) for o, n in zip(outputs, sizes, strict=True)
    ]
    before = [pool_size // 2] * 2 if symmetric else [total // 2 for total in totals]
    y = np.zeros((len(x), *outputs, x.shape[-1]), "float32")
    for image, out in zip(x, y, strict=True):
        for i, j, pixels in windows(image, pool_size, strides, before, outputs):
            out[i, j] = reduce(pixels)
    return y


def images(height, width):
    # All negative, so that a zero which takes part wins every maximum.
    return np.random.default_rng(1).uniform(-3, -1, (2, height, width, 3)).astype("float32")


def run(function, x, data_format, static=True):
    """`function(tensor)` as a model on images whose size it knows beforehand or not."""
    first = data_format == "channels_first"
    x = x.transpose(0, 3, 1, 2) if first else x
    shape = x.shape[1:] if static else tuple(3 if n == 3 else None for n in x.shape[1:])
    image = keras.Input(shape)
    model = keras.Model(image, function(image))
    y = model.predict(x, verbose=0)
    known = model.output_shape[1:]
    assert all(a in (None, b) for a, b in zip(known, y.shape[1:], strict=True))
    assert not static or None not in known
    return y.transpose(0, 2, 3, 1) if first else y


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("height", "width", "pool_size", "strides"),
    [
        (8, 8, 3, 2),
        (7, 8, 3, 2),
        (9, 7, 3, 2),
        (10, 8, 5, 2),
        (11, 10, 3, 3),
        (8, 7, 2, 2),
        (8, 6, 2, 2),
    ],
)
def test_same_averages_are_over_pixels_alone(
    height, width, pool_size, strides, static, data_format
):
    x = images(height, width)
    layer = AveragePooling2D(pool_size, strides, "same", data_format)
    expected = pooled(x, pool_size, strides, lambda pixels: pixels.mean(axis=0))
    np.testing.assert_allclose(run(layer, x, data_format, static), expected, rtol=2e-6)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("height", "width", "pool_size", "strides"),
    [(8, 8, 3, 2), (7, 9, 3, 2), (10, 8, 5, 2), (8, 7, 3, 1)],
)
def test_zeros_of_same_padding_count(height, width, pool_size, strides, static, data_format):
    x = images(height, width)
    pad = SamePadding2D(pool_size, strides, data_format)
    average = keras.layers.AveragePooling2D(pool_size, strides, data_format=data_format)
    expected = pooled(x, pool_size, strides, lambda pixels: pixels.sum(axis=0) / pool_size**2)
    got = run(lambda image: average(pad(image)), x, data_format, static)
    np.testing.assert_allclose(got, expected, rtol=2e-6)
    maximum = keras.layers.MaxPooling2D(pool_size, strides, data_format=data_format)
    got = run(lambda image: maximum(pad(image)), x, data_format, static)
    whole = pool_size**2
    expected = pooled(
        x, pool_size, strides, lambda pixels: pixels.max(axis=0) if len(pixels) == whole else 0.0
    )
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 7), (8, 9)])
def test_symmetric_padding_never_wins(height, width, data_format):
    x = images(height, width)
    nn = Blocks(data_format=data_format)
    got = run(lambda image: symmetric_max_pool(image, nn, 3, 2, name="pool"), x, data_format)
    expected = pooled(x, 3, 2, lambda pixels: pixels.max(axis=0), symmetric=True)
    np.testing.assert_array_equal(got, expected)


def test_blocks_use_the_average_that_is_equal_everywhere():
    image = keras.Input((8, 8, 3))
    nn = Blocks()
    model = keras.Model(image, nn.avg_pool(image, 3, 2, "same", name="pool"))
    x = images(8, 8)
    expected = pooled(x, 3, 2, lambda pixels: pixels.mean(axis=0))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=2e-6)


def test_they_survive_a_file(tmp_path):
    image = keras.Input((9, 8, 3))
    y = SamePadding2D(3, 2, name="pad")(image)
    model = keras.Model(image, AveragePooling2D(3, 2, "same", name="pool")(y))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = images(9, 8)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(("size", "pool_size", "strides"), [(9, 3, 2), (8, 3, 2), (8, 2, 2)])
def test_a_last_window_may_reach_beyond_the_image(size, pool_size, strides, static, data_format):
    x = -images(size, size)  # as after a ReLU
    nn = Blocks(data_format=data_format)
    outputs = -(-(size - pool_size) // strides) + 1  # torch's and Caffe's ceil_mode
    expected = np.zeros((2, outputs, outputs, 3))
    for image, out in zip(x, expected, strict=True):
        for i, j, pixels in windows(image, pool_size, strides, (0, 0), (outputs, outputs)):
            out[i, j] = pixels.max(axis=0)
    got = run(
        lambda image: ceil_max_pool(image, nn, pool_size, strides, name="pool"),
        x,
        data_format,
        static,
    )
    np.testing.assert_array_equal(got, expected.astype("float32"))
