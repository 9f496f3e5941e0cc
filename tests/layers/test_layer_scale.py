"""LayerScale: one learnt weight a channel, wherever the channels are."""

import keras
import numpy as np
import pytest

from kapps.layers import LayerScale, drop_path_rates, make_divisible


@pytest.mark.parametrize(("axis", "shape"), [(-1, (2, 4, 5, 3)), (1, (2, 3, 4, 5)), (-1, (2, 3))])
def test_each_channel_has_its_own_weight(axis, shape):
    layer = LayerScale(0.5, axis)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), 0.5 * x, rtol=1e-6)
    layer.gamma.assign([1.0, 2.0, 3.0])
    scaled = keras.ops.convert_to_numpy(layer(x))
    for channel in range(3):
        ours, given = scaled.take(channel, axis), x.take(channel, axis)
        np.testing.assert_allclose(ours, (channel + 1) * given, rtol=1e-6)


def test_it_comes_back_from_its_configuration():
    config = keras.saving.serialize_keras_object(LayerScale(0.1, 1, name="scale"))
    again = keras.saving.deserialize_keras_object(config)
    assert (type(again), again.init_value, again.axis) == (LayerScale, 0.1, 1)


def test_rates_reach_the_last_block_where_the_paper_says_so():
    assert drop_path_rates(0.4, 4) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 4, last=True) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1, last=True) == [0.0]


def test_rounding_to_the_nearest_multiple():
    # The 19.2 filters of EfficientNetV2B3's first stage: 24 by MobileNet's rule, 16 by its own.
    assert (make_divisible(19.2), make_divisible(19.2, round_limit=0.0)) == (24, 16)
