"""Several classifiers that answer with one voice."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class MeanDense(keras.layers.Dense):
    """`parts` Dense layers, each of its own part of the features; the output is the sum of their
    products and the mean of their biases.

    Features that were divided by `parts` give the mean of the layers' outputs, as DeiT answers with
    the mean of the classifiers of its class token and of its distillation token.

    Source: Training data-efficient image transformers & distillation through attention (Touvron et
    al., 2020), section 4, "Classification with our approach".

    Args:
        units: outputs. parts: how many layers. The rest as of `keras.layers.Dense`.

    Input: (batch, parts * n), part after part. Output: (batch, units).
    """

    def __init__(self, units, parts=2, **kwargs):
        super().__init__(units, **kwargs)
        self.parts = parts

    def build(self, input_shape):
        use_bias, self.use_bias = self.use_bias, False
        super().build(input_shape)
        self.use_bias = use_bias
        if use_bias:
            self.bias = self.add_weight(
                shape=(self.parts, self.units), initializer=self.bias_initializer, name="bias"
            )

    def call(self, inputs, training=None):  # noqa: ARG002 (of Dense)
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + ops.mean(self.bias, axis=0)
        return self.activation(outputs)

    def separately(self, inputs):
        """What each part says by itself, before the activation: (batch, parts, units)."""
        outputs = ops.einsum(
            "bpn,pnu->bpu",
            self.parts * ops.reshape(inputs, (-1, self.parts, inputs.shape[-1] // self.parts)),
            ops.reshape(self.kernel, (self.parts, -1, self.units)),
        )
        return outputs + self.bias if self.use_bias else outputs

    def get_config(self):
        return super().get_config() | {"parts": self.parts}
