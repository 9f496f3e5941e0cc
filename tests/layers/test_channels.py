"""Channels cut and shuffled, in both data formats."""

import keras
import numpy as np
import pytest

from kapps.layers import ChannelShuffle, ChannelSlice

FORMATS = ("channels_last", "channels_first")


def images(data_format, channels=6):
    """(2, 3, 4, channels), or channels first, whose values name their channel and their place."""
    x = np.arange(2 * 3 * 4 * channels, dtype="float32").reshape(2, 3, 4, channels)
    return x if data_format == "channels_last" else x.transpose(0, 3, 1, 2)


def axis_of(data_format):
    return -1 if data_format == "channels_last" else 1


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("groups", "order"), [(2, [0, 3, 1, 4, 2, 5]), (3, [0, 2, 4, 1, 3, 5])])
def test_shuffle_deals_channels_out(data_format, groups, order):
    # Channels 0..5 after torchvision's channel_shuffle(x, groups).
    x = images(data_format)
    shuffled = keras.ops.convert_to_numpy(ChannelShuffle(groups, data_format)(x))
    assert np.array_equal(shuffled, np.take(x, order, axis_of(data_format)))


@pytest.mark.parametrize("data_format", FORMATS)
def test_slice(data_format):
    x = images(data_format)
    part = keras.ops.convert_to_numpy(ChannelSlice(1, 4, data_format)(x))
    assert np.array_equal(part, np.take(x, [1, 2, 3], axis_of(data_format)))


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("make", [lambda f: ChannelShuffle(2, f), lambda f: ChannelSlice(2, 6, f)])
def test_sizes_may_be_open_and_layers_are_saved(tmp_path, data_format, make):
    x = images(data_format)
    shape = [None, None, None]
    shape[axis_of(data_format) if data_format == "channels_last" else 0] = 6
    inputs = keras.Input(shape)
    model = keras.Model(inputs, make(data_format)(inputs))
    assert model.output_shape[axis_of(data_format)] == np.shape(model(x))[axis_of(data_format)]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(*(keras.ops.convert_to_numpy(m(x)) for m in (model, loaded)))


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="groups=4 do not divide 6 channels"):
        ChannelShuffle(4, "channels_last")(images("channels_last"))
