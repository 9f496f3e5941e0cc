"""Attention whose cost grows with the number of tokens, not with its square."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class LinearAttention(keras.layers.Layer):
    """Each value times one context: the mean of all keys, weighted by the softmax of one query.

    It has no weights: a Dense layer before it makes query, key and value of each token.

    Source: Separable Self-attention for Mobile Vision Transformers (Mehta and Rastegari, 2022,
    arXiv:2206.02680), equation 3.

    Input: (..., tokens, 1 + 2 * channels): a score, a key, a value.
    Output: (..., tokens, channels).
    """

    def call(self, inputs):
        channels = inputs.shape[-1] // 2
        score, key = inputs[..., :1], inputs[..., 1 : 1 + channels]
        context = ops.sum(ops.softmax(score, axis=-2) * key, axis=-2, keepdims=True)
        return ops.relu(inputs[..., 1 + channels :]) * context

    def macs(self) -> int:
        """Multiply-accumulates of the two products for one image."""
        _, *tokens, channels = self.output.shape
        return 2 * channels * math.prod(size or 1 for size in tokens)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
