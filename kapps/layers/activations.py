"""Activations that Keras has no word for."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
def quick_gelu(x):
    """`x * sigmoid(1.702 x)`, near a GELU.

    Source: Gaussian Error Linear Units (Hendrycks and Gimpel, 2016), section 2; CLIP's activation.
    """
    return x * ops.sigmoid(1.702 * x)


OWN = {"quick_gelu": quick_gelu}


def activation(name: str):
    """What a Keras `Activation` layer takes for a name of ours or of Keras."""
    return OWN.get(name, name)
