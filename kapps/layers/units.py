"""Outputs in the units of what they say."""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="kapps")
class Units(keras.layers.Layer):
    """`x * scale + offset`, an output each, in float32: years or millimetres from small numbers.

    Args:
        scale, offset: lists of floats, as long as the last axis of the input.
    """

    def __init__(self, scale, offset, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.scale, self.offset = list(map(float, scale)), list(map(float, offset))

    def call(self, inputs):
        scale, offset = (np.array(row, "float32") for row in (self.scale, self.offset))
        return inputs * scale + offset

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"scale": self.scale, "offset": self.offset}
