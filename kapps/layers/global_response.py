"""GlobalResponseNormalization: channels compete for the energy of the whole feature map."""

import keras

from kapps.layers.initializers import initializer


@keras.saving.register_keras_serializable(package="kapps")
class GlobalResponseNormalization(keras.layers.Layer):
    """`x + gamma * x * n + beta`, n being a channel's norm over the map relative to the mean norm.

    Source: ConvNeXt V2 (Woo et al., 2023), algorithm 1. Gamma and beta begin at zero, so that the
    layer begins as the identity.

    Args:
        axis: of the channels in (batch, height, width, channels) or (batch, channels, height,
            width).
        epsilon: added to the mean norm.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(shape=shape, initializer=initializer("zeros"), name="gamma")
        self.beta = self.add_weight(shape=shape, initializer=initializer("zeros"), name="beta")

    def call(self, inputs):
        ops = keras.ops
        axis = self.axis % 4
        places = tuple(a for a in (1, 2, 3) if a != axis)
        # A sum of squares overflows float16, and a phone has no operator for the norm.
        x = ops.cast(inputs, "float32") if self.compute_dtype == "float16" else inputs
        norm = ops.sqrt(ops.sum(ops.square(x), axis=places, keepdims=True))
        share = norm / (ops.mean(norm, axis=axis, keepdims=True) + self.epsilon)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        gamma, beta = (ops.reshape(weight, shape) for weight in (self.gamma, self.beta))
        return inputs * (1.0 + gamma * ops.cast(share, inputs.dtype)) + beta

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"axis": self.axis, "epsilon": self.epsilon}
