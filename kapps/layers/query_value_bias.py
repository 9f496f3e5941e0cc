"""A bias for queries and values, and none for keys."""

import keras
from keras import ops

from kapps.layers.initializers import initializer


@keras.saving.register_keras_serializable(package="kapps")
class QueryValueBias(keras.layers.Layer):
    """Adds a bias to the first and the last third of the channels.

    A bias of the keys adds the same to all products of a query, which the softmax takes out again.

    Source: BEiT (Bao et al., 2021), its published networks; Swin Transformer V2 and EVA follow it.

    Input and output: (..., 3 * channels): queries, keys, values.
    """

    def build(self, input_shape):
        channels = input_shape[-1] // 3
        self.query_bias, self.value_bias = (
            self.add_weight(shape=(channels,), initializer=initializer("zeros"), name=name)
            for name in ("query_bias", "value_bias")
        )

    def call(self, inputs):
        query, value = (ops.cast(v, self.compute_dtype) for v in (self.query_bias, self.value_bias))
        return inputs + ops.concatenate([query, ops.zeros_like(query), value])

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)
