"""Arrays of the host on their way to the backend."""

import keras
import numpy as np


def ready(values: np.ndarray):
    """The same values in the form that Keras takes over without further work.

    On JAX, Keras converts an array with `jnp.asarray`, which since JAX 0.10 compiles a program for
    each shape; an array that is on the device already passes unchanged.
    """
    if keras.backend.backend() != "jax":
        return values
    import jax

    return jax.device_put(values)
