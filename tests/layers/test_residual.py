"""The parts of residual networks against their definitions."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks
from kapps.layers.residual import bottleneck, pooled_projection, projection, residual_stem

NN = Blocks(padding="symmetric")


def test_a_pooled_shortcut_averages_the_pixels_that_are_there():
    image = keras.Input((3, 3, 1))
    y = pooled_projection(image, NN, 1, 2, name="s")
    model = keras.Model(image, keras.Model(image, y).get_layer("s_pool").output)
    x = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    assert model.predict(x, verbose=0).ravel().tolist() == [2.0, 3.5, 6.5, 8.0]


@pytest.mark.parametrize(("strides", "size"), [(1, 1), (2, 3)])
def test_a_shortcut_that_strides_may_see_more_than_a_pixel(strides, size):
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, projection(image, NN, 4, strides, kernel_size=3, name="s"))
    assert model.get_layer("s_conv").kernel_size == (size, size)


@pytest.mark.parametrize("filters", [(64,), (32, 32, 64), (24, 32, 64)])
def test_a_stem_halves_the_image(filters):
    image = keras.Input((32, 32, 3))
    stem = keras.Model(image, residual_stem(image, NN, filters))
    assert stem.output_shape == (None, 16, 16, 64)
    convolutions = [
        layer.filters for layer in stem.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    assert tuple(convolutions) == filters


def test_bottleneck_counts_filters_as_the_papers_do():
    # Table 1 of ResNeXt: 128 filters in 32 groups of 4 where ResNet has 64; SENet-154 halves the
    # first convolution.
    image = keras.Input((8, 8, 256))
    y = bottleneck(image, NN, 64, 1, groups=32, width=4, reduction=2, name="b")
    model = keras.Model(image, y)
    kernels = [model.get_layer(f"b_{i}_conv").kernel.shape for i in (1, 2, 3)]
    assert kernels == [(1, 1, 256, 64), (3, 3, 2, 128), (1, 1, 128, 256)]
