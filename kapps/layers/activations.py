"""Activations that Keras has no word for."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
def quick_gelu(x):
    """`x * sigmoid(1.702 x)`, near a GELU.

    Source: Gaussian Error Linear Units (Hendrycks and Gimpel, 2016), section 2; CLIP's activation.
    """
    return x * ops.sigmoid(1.702 * x)


@keras.saving.register_keras_serializable(package="kapps")
def mish(x):
    """`x * tanh(log(1 + exp(x)))`.

    Source: Mish (Misra, 2019, arXiv:1908.08681), equation 1. As a fraction of exponentials: behind
    a normalisation TensorFlow makes one kernel of Keras's, which it has not on every CPU.
    """
    small = ops.exp(-ops.abs(x))
    square = small * small
    positive, negative = 1 + 2 * small, square + 2 * small
    share = ops.where(x >= 0, positive / (positive + 2 * square), negative / (negative + 2))
    return x * share


OWN = {"quick_gelu": quick_gelu, "mish": mish}


def activation(name: str):
    """What a Keras `Activation` layer takes for a name of ours or of Keras."""
    return OWN.get(name, name)
