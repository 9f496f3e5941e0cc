"""Multi-query attention over a feature map: many queries for each pixel, one key and one value."""

import math
from dataclasses import replace

import keras
from keras import ops

from kapps.layers.blocks import Blocks


@keras.saving.register_keras_serializable(package="kapps")
class MultiQueryAttention(keras.layers.Layer):
    """`softmax(q k / sqrt(filters)) v`, where every head of every pixel asks the same keys.

    Source: Fast Transformer Decoding: One Write-Head is All You Need (Shazeer, 2019). As the keys
    are one, the heads are only more queries, and two products of matrices do for all of them. The
    layer has no weights; it is one because it turns maps of unknown size into rows and back.

    Args:
        data_format: "channels_last" or "channels_first".

    Call arguments:
        inputs: query (batch, height, width, heads * filters), key and value, both (batch, rows,
            columns, filters), or the same with channels first. Returns the shape of the query.
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    def call(self, inputs):
        first = self.data_format == "channels_first"
        maps = [ops.transpose(x, (0, 2, 3, 1)) for x in inputs] if first else inputs
        filters = maps[1].shape[-1]
        query, key, value = (self._rows(x, filters) for x in maps)
        scores = ops.matmul(query * filters**-0.5, ops.transpose(key, (0, 2, 1)))
        outputs = ops.matmul(ops.softmax(scores, axis=-1), value)
        outputs = ops.reshape(outputs, (-1, *ops.shape(maps[0])[1:]))
        return ops.transpose(outputs, (0, 3, 1, 2)) if first else outputs

    @staticmethod
    def _rows(x, filters):
        """(batch, pixels * heads, filters): the heads of a pixel one after the other."""
        _, height, width, channels = ops.shape(x)
        return ops.reshape(x, (-1, height * width * (channels // filters), filters))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, dtype=self.compute_dtype)

    def macs(self) -> int:
        """Multiply-accumulates of both products for one image."""
        query, key, _ = self.input
        axis = -1 if self.data_format == "channels_last" else 1
        pixels = [math.prod(x.shape[1:]) // x.shape[axis] for x in (query, key)]
        return 2 * pixels[0] * pixels[1] * query.shape[axis]

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format}


def multi_query_attention(
    x,
    nn: Blocks,
    filters: int,
    heads: int,
    key_filters: int,
    kv_strides: int = 1,
    *,
    name: str,
):
    """Project to queries, keys and values, attend, project back; keys may be of a smaller map.

    Source: MobileNetV4 (Qin et al., 2024), section 3.2 and equation 1: with `kv_strides`, a 3x3
    depthwise convolution halves the map before keys and values are taken from it. No product has
    a bias. `filters` is the width of the output, `key_filters` that of one head.
    """
    nn = replace(nn, kernel_initializer="glorot_uniform")  # as the reference starts its attention
    maps = [nn.conv(x, heads * key_filters, use_bias=False, name=f"{name}_query_conv")]
    for part in ("key", "value"):
        y = x
        if kv_strides > 1:
            y = nn.depthwise_norm_act(
                y, 3, kv_strides, activation=False, name=f"{name}_{part}_depthwise"
            )
        maps.append(nn.conv(y, key_filters, use_bias=False, name=f"{name}_{part}_conv"))
    x = MultiQueryAttention(nn.data_format, name=f"{name}_attention")(maps)
    return nn.conv(x, filters, use_bias=False, name=f"{name}_project_conv")
