"""LayerScale: a learnt weight for each channel of a residual branch."""

import keras

from kapps.layers.initializers import Constant


@keras.saving.register_keras_serializable(package="kapps")
class LayerScale(keras.layers.Layer):
    """`x * gamma`, with one gamma a channel.

    Source: Going Deeper with Image Transformers (Touvron et al., 2021), section 2.1.

    Args:
        init_value: of every gamma; small, so that training starts near the identity.
        axis: of the channels.
    """

    def __init__(self, init_value=1e-6, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.init_value, self.axis = init_value, axis
        self.supports_masking = True

    def build(self, input_shape):
        self.gamma = self.add_weight(
            shape=(input_shape[self.axis],), initializer=Constant(self.init_value), name="gamma"
        )

    def call(self, inputs):
        after = len(inputs.shape) - self.axis % len(inputs.shape) - 1
        return inputs * keras.ops.reshape(self.gamma, (-1, *(1,) * after))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"init_value": self.init_value, "axis": self.axis}
