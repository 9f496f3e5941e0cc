"""Convolutions that Keras has not, against their formulas."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, StandardizedConv2D, kernels

to_numpy = keras.ops.convert_to_numpy


def standardized(kernel, epsilon):
    """Weight standardisation (Qiao et al., 2019): each filter for itself."""
    flat = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
    return ((flat - flat.mean(0)) / np.sqrt(flat.var(0) + epsilon)).reshape(kernel.shape)


@pytest.mark.parametrize("generic", [False, True])
def test_standardized_kernel_is_what_is_applied(generic):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 4, 4, 8)).astype("float32")
    x = x if keras.config.image_data_format() == "channels_last" else x.transpose(0, 3, 1, 2)
    layer = StandardizedConv2D(3, 4, epsilon=1e-3)
    layer.build(x.shape)
    kernel = rng.normal(0.3, 0.05, layer.kernel.shape).astype("float32")
    layer.set_weights([kernel, np.ones(3, "float32")])
    weights = standardized(kernel, 1e-3)
    np.testing.assert_allclose(to_numpy(layer.standardized()), weights, rtol=1e-4, atol=1e-5)
    picture = (
        x[0] if keras.config.image_data_format() == "channels_last" else x[0].transpose(1, 2, 0)
    )
    expected = np.tensordot(picture, weights, 3) + 1
    if generic:
        with kernels.reference():
            got = layer(x)
    else:
        got = layer(x)
    np.testing.assert_allclose(to_numpy(got).ravel(), expected, rtol=1e-4, atol=1e-4)


def test_standardized_convolution_in_half_precision_keeps_its_kernel():
    # A variance of 1e-8 is nothing in float16, whose least number is 6e-8.
    layer = StandardizedConv2D(2, 1, dtype="mixed_float16", use_bias=False)
    layer.build((None, 1, 1, 4))
    kernel = np.random.default_rng(0).normal(0, 1e-4, (1, 1, 4, 2)).astype("float32")
    layer.set_weights([kernel])
    got = to_numpy(layer(np.eye(4, dtype="float32").reshape(4, 1, 1, 4)))
    assert got.dtype == "float16"
    np.testing.assert_allclose(got.reshape(4, 2), standardized(kernel, 1e-8)[0, 0], atol=2e-3)


def test_blocks_standardise_where_they_have_an_epsilon():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, Blocks(kernel_epsilon=1e-6).conv(image, 4, 3, name="c"))
    layer = model.get_layer("c")
    assert isinstance(layer, StandardizedConv2D)
    assert StandardizedConv2D.from_config(layer.get_config()).epsilon == 1e-6
