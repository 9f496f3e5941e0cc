"""LayerScale: a learnt weight for each channel of a residual branch, or one for all of them."""

import keras

from kapps.layers.initializers import Constant


@keras.saving.register_keras_serializable(package="kapps")
class LayerScale(keras.layers.Layer):
    """`x * gamma`, with one gamma a channel or one in all.

    Source: Going Deeper with Image Transformers (Touvron et al., 2021), section 2.1.

    Args:
        init_value: of every gamma; small, so that training starts near the identity.
        axis: of the channels; None for one gamma in all.
    """

    def __init__(self, init_value=1e-6, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.init_value, self.axis = init_value, axis
        self.supports_masking = True

    def build(self, input_shape):
        gammas = 1 if self.axis is None else input_shape[self.axis]
        self.gamma = self.add_weight(
            shape=(gammas,), initializer=Constant(self.init_value), name="gamma"
        )

    def call(self, inputs):
        if self.axis is None:
            return inputs * self.gamma
        after = len(inputs.shape) - self.axis % len(inputs.shape) - 1
        return inputs * keras.ops.reshape(self.gamma, (-1, *(1,) * after))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"init_value": self.init_value, "axis": self.axis}
