"""Attention between tokens: the products, without the matrices around them."""

import keras
import numpy as np
from keras import ops

from kapps.layers import kernels


@keras.saving.register_keras_serializable(package="kapps")
class Attention(keras.layers.Layer):
    """Softmax of queries times keys, times values, in several heads.

    It has no weights: `Blocks.attention` puts a Dense layer before it, which makes queries, keys
    and values of each token in one product, and one behind it. A subclass that knows where tokens
    are says so in `positioned` or in `bias`.

    Source: Attention Is All You Need (Vaswani et al., 2017), section 3.2.

    Args:
        num_heads: into which the channels are divided.
        scale: factor of the products; 1 / sqrt(channels of a head) by default.

    Input: (rows, tokens, 3 * channels): queries, keys, values, each head after head.
    Output: (rows, tokens, channels).
    """

    def __init__(self, num_heads, scale=None, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.scale = num_heads, scale

    def call(self, inputs):
        query, key, value = self._heads(inputs)
        scale, bias = self._factor(query.shape[-1]), self.bias()
        query, key = self.positioned(query, key)
        several = bias is not None and len(bias.shape) == 4
        if several:  # the windows of an image beside its heads, so that one bias serves all images
            windows, heads, *sides = bias.shape
            bias = ops.reshape(bias, (windows * heads, *sides))
            query, key, value = (
                ops.reshape(x, (-1, windows * heads, *x.shape[2:])) for x in (query, key, value)
            )
        kernel = kernels.find("attention")
        if kernel is not None:
            bias = None if bias is None else ops.cast(bias, query.dtype)
            outputs = kernel(query, key, value, scale, bias)
        else:
            outputs = ops.matmul(softmax(query, key, scale, bias), value)
        if several:
            outputs = ops.reshape(outputs, (-1, self.num_heads, *outputs.shape[2:]))
        outputs = ops.transpose(outputs, (0, 2, 1, 3))
        return ops.reshape(outputs, (-1, ops.shape(inputs)[1], inputs.shape[-1] // 3))

    def weights_of(self, inputs):
        """How much each token looks at each: (rows, heads, tokens, tokens), rows of sum 1."""
        query, key, _ = self._heads(inputs)
        scale, bias = self._factor(query.shape[-1]), self.bias()
        query, key = self.positioned(query, key)
        if bias is not None and len(bias.shape) == 4:
            bias = ops.tile(bias, (query.shape[0] // bias.shape[0], 1, 1, 1))
        return softmax(query, key, scale, bias)

    def positioned(self, query, key):
        """Queries and keys (rows, heads, tokens, channels), changed by where their tokens are.

        They may have other numbers of channels afterwards, the same for both.
        """
        return query, key

    def bias(self):
        """What is added to the scaled products: None, (heads, tokens, tokens), or, where rows are
        windows, (windows, heads, tokens, tokens)."""
        return

    def macs(self) -> int:
        """Multiply-accumulates of the two products for one image."""
        rows, tokens, channels = self.output.shape
        return 2 * (rows or 1) * (tokens or 1) ** 2 * channels

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 3)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads, "scale": self.scale}

    def _heads(self, inputs):
        """Queries, keys and values: (rows, heads, tokens, channels of a head) each."""
        width = inputs.shape[-1] // (3 * self.num_heads)
        x = ops.reshape(inputs, (-1, ops.shape(inputs)[1], 3 * self.num_heads, width))
        x = ops.transpose(x, (0, 2, 1, 3))
        heads = self.num_heads
        return x[:, :heads], x[:, heads : 2 * heads], x[:, 2 * heads :]

    def _factor(self, channels: int) -> float:
        return channels**-0.5 if self.scale is None else self.scale


def softmax(query, key, scale, bias=None):
    """How much each query looks at each key: (rows, heads, queries, keys)."""
    products = ops.matmul(query * scale, ops.transpose(key, (0, 1, 3, 2)))
    if bias is not None:
        products = products + ops.cast(bias, products.dtype)
    return ops.softmax(products, axis=-1)


def attention_maps(model: keras.Model, images) -> dict[str, np.ndarray]:
    """How much each token looks at each other one, in every attention layer of a model.

    Args:
        model: functional, with `kapps.layers.Attention` or Keras's `MultiHeadAttention` layers.
        images: (batch, height, width, channels), as the model takes them.

    Returns:
        {layer: (rows, heads, queries, keys)}, float32, in the order of the graph; each query's
        weights have the sum 1. Rows are images, or windows of images.

    Raises:
        ValueError: the model has no attention.
    """
    kinds = Attention, keras.layers.MultiHeadAttention
    layers = [layer for layer in model.layers if isinstance(layer, kinds)]
    if not layers:
        raise ValueError(
            f"model {model.name!r} has no attention layers; expected a network of tokens, such as "
            "kapps.applications.ViTTiny16()"
        )
    read = [_read_by(layer) for layer in layers]
    below = keras.Model(model.input, [tensor for tensors in read for tensor in tensors])
    values = below.predict_on_batch(np.asarray(images))
    values = iter([values] if len(below.outputs) == 1 else values)  # Keras unpacks a list of one
    found = {}
    for layer, tensors in zip(layers, read, strict=True):
        inputs = [ops.convert_to_tensor(next(values)) for _ in tensors]
        if isinstance(layer, Attention):
            weights = layer.weights_of(*inputs)
        else:
            _, weights = layer(*inputs, return_attention_scores=True)
        found[layer.name] = ops.convert_to_numpy(weights).astype("f4")
    return found


def _read_by(layer) -> list:
    """What an attention layer takes: queries, and of Keras's own values and keys beside them."""
    if isinstance(layer, Attention):
        return [layer.input]
    arguments = layer._inbound_nodes[0].arguments  # Keras has no public word for them
    given = dict(zip(("query", "value", "key"), arguments.args, strict=False)) | arguments.kwargs
    key = given.get("key")
    return [given["query"], given["value"], given["value"] if key is None else key]
