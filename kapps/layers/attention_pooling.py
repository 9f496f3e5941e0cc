"""A map or tokens become one vector an image by attention, whose query belongs to the image."""

import keras
from keras import ops

from kapps.layers import kernels
from kapps.layers.initializers import initializer

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class LatentQuery(keras.layers.Layer):
    """A learnt vector, the same for every image: (batch, tokens, channels) -> (batch, channels).

    Source: Set Transformer (Lee et al., 2018, arXiv:1810.00825), equation 11, with one seed.
    """

    def build(self, input_shape):
        self.latent = self.add_weight(
            shape=(1, input_shape[-1]),
            initializer=initializer("truncated_normal"),
            name="latent",
        )

    def call(self, inputs):
        latent = ops.cast(self.latent, self.compute_dtype)
        return ops.broadcast_to(latent, (ops.shape(inputs)[0], inputs.shape[-1]))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], inputs.shape[-1]), self.compute_dtype)


@_register
class AttentionPooling(keras.layers.Layer):
    """The mean of all values of an image, weighed by how its query likes their keys.

    It has no weights: `attention_pool` puts a Dense layer before each input.

    Source: Attention Is All You Need (Vaswani et al., 2017), section 3.2, with one query.

    Args:
        num_heads: into which the channels are divided.

    Inputs: query (batch, channels), keys and values (batch, tokens, channels) each.
    Output: (batch, channels).
    """

    def __init__(self, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def call(self, inputs):
        query, key, value = (self._heads(x) for x in (inputs[0][:, None], *inputs[1:]))
        scale = query.shape[-1] ** -0.5
        kernel = kernels.find("attention")
        if kernel is not None:
            outputs = kernel(query, key, value, scale, None)
        else:
            products = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
            outputs = ops.matmul(ops.softmax(products, axis=-1), value)
        return ops.reshape(outputs, (-1, inputs[0].shape[-1]))

    def _heads(self, x):
        """(batch, heads, tokens, channels of a head)."""
        x = ops.reshape(x, (-1, x.shape[1], self.num_heads, x.shape[-1] // self.num_heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def macs(self) -> int:
        """Multiply-accumulates of the two products for one image."""
        _, tokens, channels = self.input[1].shape
        return 2 * tokens * channels

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads}


def attention_pool(query, x, nn, num_heads: int, *, name: str):
    """Pool tokens by attention: `<name>_query`, `<name>_key` and `<name>_value`, then `name`.

    Args:
        query: (batch, channels), what each image asks with. x: (batch, tokens, channels).
    """
    channels = x.shape[-1]
    query = nn.dense(query, channels, name=f"{name}_query")
    key = nn.dense(x, channels, name=f"{name}_key")
    value = nn.dense(x, channels, name=f"{name}_value")
    return AttentionPooling(num_heads, name=name)([query, key, value])
