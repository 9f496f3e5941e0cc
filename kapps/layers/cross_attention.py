"""Tokens that look at other tokens: learnt queries, and what a transformer's decoder is made of."""

import keras
from keras import ops

from kapps.layers import kernels
from kapps.layers.attention import softmax
from kapps.layers.initializers import RandomNormal

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class CrossAttention(keras.layers.Layer):
    """Softmax of queries times keys, times values, where the three need not be of the same tokens.

    It has no weights: `Blocks.cross_attention` puts a Dense layer before each input and one behind.

    Source: Attention Is All You Need (Vaswani et al., 2017), section 3.2.

    Args:
        num_heads: into which the channels are divided.

    Inputs: queries (batch, Q, channels), keys and values (batch, tokens, channels) each; and, where
        not every query may look at every key, what is added to the products, (1, Q or 1, tokens).
    Output: (batch, Q, channels).
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def call(self, inputs):
        query, key, value = map(self._heads, inputs[:3])
        bias = ops.cast(inputs[3][:, None], query.dtype) if len(inputs) > 3 else None
        scale = query.shape[-1] ** -0.5
        kernel = kernels.find("attention")
        if kernel is not None:
            outputs = kernel(query, key, value, scale, bias)
        else:
            outputs = ops.matmul(softmax(query, key, scale, bias), value)
        outputs = ops.transpose(outputs, (0, 2, 1, 3))
        return ops.reshape(outputs, (-1, ops.shape(inputs[0])[1], inputs[0].shape[-1]))

    def _heads(self, x):
        """(batch, heads, tokens, channels of a head)."""
        shape = (-1, ops.shape(x)[1], self.num_heads, x.shape[-1] // self.num_heads)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

    def macs(self) -> int:
        """Multiply-accumulates of the two products for one image."""
        query, key, *_ = self.input
        return 2 * (query.shape[1] or 1) * (key.shape[1] or 1) * query.shape[-1]

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads}


@_register
class Queries(keras.layers.Layer):
    """Learnt vectors, the same for every image: (batch, tokens, channels) -> (batch, count,
    channels).

    Source: End-to-End Object Detection with Transformers (Carion et al., 2020, arXiv:2005.12872),
    section 3.2.

    Args:
        count: how many.
    """

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape):
        self.queries = self.add_weight(
            shape=(self.count, input_shape[-1]),
            initializer=RandomNormal(stddev=1.0),
            name="queries",
        )

    def call(self, inputs):
        queries = ops.cast(self.queries, self.compute_dtype)
        return ops.broadcast_to(queries, (ops.shape(inputs)[0], *self.queries.shape))

    def compute_output_spec(self, inputs):
        shape = (inputs.shape[0], self.count, inputs.shape[-1])
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"count": self.count}
