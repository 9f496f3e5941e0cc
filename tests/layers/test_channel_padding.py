"""Channels of zeros."""

import keras
import numpy as np
import pytest

from kapps.layers import ChannelPadding


@pytest.mark.parametrize(("data_format", "axis"), [("channels_last", 3), ("channels_first", 1)])
def test_channels_of_zeros_come_last(data_format, axis):
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4)).astype("float32")
    layer = ChannelPadding(6, data_format)
    y = keras.ops.convert_to_numpy(layer(x))
    assert layer.compute_output_shape(x.shape) == y.shape
    kept, new = np.split(y, [4], axis)
    np.testing.assert_array_equal(kept, x)
    assert new.shape[axis] == 2
    assert not new.any()
