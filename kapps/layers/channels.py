"""A part of the channels, and their order, for networks that branch by channel."""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")


class _Channels(keras.layers.Layer):
    """A layer that changes the channel axis alone."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def _last(self) -> bool:
        return self.data_format == "channels_last"

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format}


@_register
class ChannelSlice(_Channels):
    """The channels from `start` up to but not including `stop`.

    Args:
        start, stop: places in the channel axis, 0 <= start < stop <= channels.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, start, stop, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.start, self.stop = start, stop

    def call(self, inputs):
        part = slice(self.start, self.stop)
        return inputs[..., part] if self._last else inputs[:, part]

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[-1 if self._last else 1] = self.stop - self.start
        return tuple(shape)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"start": self.start, "stop": self.stop}


@_register
class ChannelShuffle(_Channels):
    """Channels dealt out in turn: the first of each group, then the second of each, and so on.

    It is the transpose of (groups, channels / groups), so that the next layer's groups see channels
    of every group. Source: ShuffleNet (Zhang et al., 2017, arXiv:1707.01083), section 3.1.

    Args:
        groups: a divisor of the number of channels.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, groups, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.groups = groups

    def build(self, input_shape):
        channels = input_shape[-1 if self._last else 1]
        if channels % self.groups:
            raise ValueError(
                f"groups={self.groups} do not divide {channels} channels; choose a divisor"
            )

    def call(self, inputs):
        shape = ops.shape(inputs)
        if self._last:
            _, height, width, channels = shape
            turned, order = (height, width, self.groups, channels // self.groups), (0, 1, 2, 4, 3)
        else:
            _, channels, height, width = shape
            turned, order = (self.groups, channels // self.groups, height, width), (0, 2, 1, 3, 4)
        x = ops.transpose(ops.reshape(inputs, (-1, *turned)), order)
        return ops.reshape(x, (-1, *shape[1:]))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"groups": self.groups}
