"""GlobalResponseNormalization against the formula of ConvNeXt V2 (algorithm 1)."""

import keras
import numpy as np
import pytest

from kapps.layers import GlobalResponseNormalization


def test_a_worked_example():
    """Two channels of four pixels with the norms 2 and 4, whose mean is 3."""
    x = np.broadcast_to(np.array([1.0, 2.0], "float32"), (1, 2, 2, 2))
    layer = GlobalResponseNormalization()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), x)  # begins as identity
    layer.gamma.assign([3.0, -0.5])
    layer.beta.assign([0.25, 0.5])
    expected = [1 + 3 * 1 * 2 / 3 + 0.25, 2 - 0.5 * 2 * 4 / 3 + 0.5]
    got = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(got, np.broadcast_to(expected, x.shape), rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 1])
def test_the_published_formula(axis):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4, 3)).astype("float32")
    gamma, beta = rng.normal(size=(2, 3)).astype("float32")
    energy = np.sqrt((x**2).sum((1, 2), keepdims=True))
    expected = gamma * (x * energy / (energy.mean(-1, keepdims=True) + 1e-6)) + beta + x
    layer = GlobalResponseNormalization(axis)
    given = x if axis == -1 else x.transpose(0, 3, 1, 2)
    layer.build(given.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    got = keras.ops.convert_to_numpy(layer(given))
    got = got if axis == -1 else got.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_large_values_do_not_overflow_in_half_precision():
    layer = GlobalResponseNormalization(dtype="mixed_float16")
    layer.build((1, 32, 32, 2))
    layer.gamma.assign([1.0, 1.0])
    got = keras.ops.convert_to_numpy(layer(np.full((1, 32, 32, 2), 100, "float16")))
    np.testing.assert_allclose(got, 200, rtol=1e-2)


def test_it_comes_back_from_its_configuration():
    config = keras.saving.serialize_keras_object(GlobalResponseNormalization(1, 1e-5))
    again = keras.saving.deserialize_keras_object(config)
    assert (type(again), again.axis, again.epsilon) == (GlobalResponseNormalization, 1, 1e-5)
