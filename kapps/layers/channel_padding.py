"""Zeros in place of channels that a tensor has not."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class ChannelPadding(keras.layers.Layer):
    """Channels of zeros behind those of an image.

    Source: Deep Residual Learning (He et al., 2015), section 3.3, option A.

    Args:
        filters: channels of the output, at least as many as the input's.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, filters, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def _axis(self) -> int:
        return 3 if self.data_format == "channels_last" else 1

    def call(self, inputs):
        widths = [(0, 0)] * 4
        widths[self._axis] = (0, self.filters - inputs.shape[self._axis])
        return ops.pad(inputs, widths)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[self._axis] = self.filters
        return tuple(shape)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"filters": self.filters, "data_format": self.data_format}
