"""Group and instance normalisation by hand, and mish by name."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, group_norm, instance_norm

CHANNELS = np.array([[1, 4, 3, 0], [2, 8, 5, 1]], "float32")


def by_hand(groups, epsilon=1e-5):
    x = CHANNELS.astype("float64").reshape(2, groups, -1)
    mean, variance = x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)
    return ((x - mean) / np.sqrt(variance + epsilon)).reshape(2, 4)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("block", "groups"), [(group_norm, 2), (instance_norm, 4)])
def test_mean_and_variance_of_each_group(block, groups, data_format):
    nn = Blocks(data_format=data_format)
    x = CHANNELS.reshape(1, 2, 1, 4)
    x = x if data_format == "channels_last" else x.transpose(0, 3, 1, 2)
    image = keras.Input(x.shape[1:])
    arguments = {"groups": 2} if block is group_norm else {}
    model = keras.Model(image, block(image, nn, **arguments, name="norm"))
    y = model.predict(x, verbose=0)
    y = y if data_format == "channels_last" else y.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(y.reshape(2, 4), by_hand(groups), rtol=1e-4, atol=1e-5)
    assert [v.shape for v in model.get_layer("norm").variables] == [(4,), (4,)]


def test_mish_by_name():
    image = keras.Input((5, 1, 1))
    model = keras.Model(image, Blocks(activation="mish").act(image, name="act"))
    x = np.array([-3, -1, 0, 0.5, 4], "float32").reshape(1, 5, 1, 1)
    # torch.nn.functional.mish
    expected = [-0.14564747, -0.30340147, 0.0, 0.37524524, 3.99741292]
    np.testing.assert_allclose(model.predict(x, verbose=0).ravel(), expected, rtol=1e-5)
