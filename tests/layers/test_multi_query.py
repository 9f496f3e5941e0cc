"""Multi-query attention against its formula, head by head, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import Blocks, MultiQueryAttention, multi_query_attention


def expected(query, key, value, heads):
    """softmax(q k / sqrt(filters)) v of every head alone, for channels-last maps."""
    batch, height, width, _ = query.shape
    filters = key.shape[-1]
    queries = query.reshape(batch, height * width, heads, filters)
    keys, values = (x.reshape(batch, -1, filters) for x in (key, value))
    out = np.zeros_like(queries)
    for head in range(heads):
        scores = queries[:, :, head] @ keys.transpose(0, 2, 1) / np.sqrt(filters)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        out[:, :, head] = weights / weights.sum(-1, keepdims=True) @ values
    return out.reshape(query.shape)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_each_head_asks_the_same_keys(data_format, static):
    rng = np.random.default_rng(0)
    shapes = (2, 4, 5, 3 * 8), (2, 2, 3, 8), (2, 2, 3, 8)
    maps = [rng.normal(size=shape).astype("float32") for shape in shapes]
    first = data_format == "channels_first"
    given = [x.transpose(0, 3, 1, 2) if first else x for x in maps]
    axis = 0 if first else 2
    inputs = [
        keras.Input(
            x.shape[1:] if static else [n if i == axis else None for i, n in enumerate(x.shape[1:])]
        )
        for x in given
    ]
    layer = MultiQueryAttention(data_format)
    model = keras.Model(inputs, layer(inputs))
    ours = model.predict(given, verbose=0)
    ours = ours.transpose(0, 2, 3, 1) if first else ours
    np.testing.assert_allclose(ours, expected(*maps, heads=3), rtol=1e-4, atol=1e-6)
    if static:  # two products of 20 pixels, 24 channels and 6 keys
        assert layer.macs() == 2 * 20 * 24 * 6


def test_keys_of_half_the_map():
    nn = Blocks("channels_last", padding="symmetric")
    image = keras.Input((8, 6, 16))
    outputs = multi_query_attention(image, nn, 20, 4, 8, kv_strides=2, name="block")
    model = keras.Model(image, outputs)
    assert model.output_shape == (None, 8, 6, 20)
    assert model.get_layer("block_query_conv").output.shape == (None, 8, 6, 32)
    assert model.get_layer("block_key_conv").output.shape == (None, 4, 3, 8)
    assert not any(v.path.endswith("bias") for v in model.variables)


def test_it_comes_back_from_its_configuration():
    config = keras.saving.serialize_keras_object(MultiQueryAttention("channels_first", name="a"))
    again = keras.saving.deserialize_keras_object(config)
    assert (type(again), again.data_format) == (MultiQueryAttention, "channels_first")
