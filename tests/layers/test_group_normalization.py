"""Normalisations against their formulas."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, GroupNormalization


def group_norm(x, groups, epsilon, gamma, beta):
    """Equations 1, 2, 6 and 7 of Wu and He (2018) for (batch, height, width, channels)."""
    batch, *space, channels = x.shape
    y = x.astype("float64").reshape(batch, *space, groups, channels // groups)
    mean, variance = (f(y, axis=(1, 2, 4), keepdims=True) for f in (np.mean, np.var))
    return ((y - mean) / np.sqrt(variance + epsilon)).reshape(x.shape) * gamma + beta


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("groups", [1, 4, 12])
def test_group_normalization(axis, groups):
    rng = np.random.default_rng(0)
    x = (rng.normal(3, 2, (2, 5, 7, 12)) * rng.uniform(0.1, 4, 12)).astype("float32")
    gamma, beta = rng.normal(size=(2, 12)).astype("float32")
    given = x if axis == -1 else x.transpose(0, 3, 1, 2)
    layer = GroupNormalization(groups, axis, epsilon=1e-3)
    layer.build(given.shape)
    layer.set_weights([gamma, beta])
    got = keras.ops.convert_to_numpy(layer(given))
    got = got if axis == -1 else got.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, group_norm(x, groups, 1e-3, gamma, beta), atol=1e-5)


def test_group_normalization_of_an_open_size():
    layer = GroupNormalization(2)
    assert layer(keras.Input((None, None, 4))).shape == (None, None, None, 4)


def test_blocks_normalise_groups_where_they_have_them():
    image = keras.Input((8, 8, 6))
    model = keras.Model(image, Blocks(norm_groups=3, norm_epsilon=1e-5).norm(image, name="n"))
    layer = model.get_layer("n")
    assert isinstance(layer, GroupNormalization)
    assert (layer.groups, layer.epsilon) == (3, 1e-5)
