"""Functions of tensors as a training step has them: traced and compiled, with numpy around."""

import keras
import numpy as np


def call(function, *arrays, **settings):
    """What `function` says of these arrays, as numpy arrays in the form that it returns.

    Args:
        function: of tensors. Numbers that are no arrays, such as tuples, are given as they are.
        settings: of the function, by name.
    """
    places = [i for i, array in enumerate(arrays) if isinstance(array, np.ndarray)]

    def traced(*tensors):
        given = list(arrays)
        for place, tensor in zip(places, tensors, strict=True):
            given[place] = tensor
        return function(*given, **settings)

    tensors = [keras.ops.convert_to_tensor(arrays[place]) for place in places]
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced = tf.function(traced)
    elif backend == "jax":
        import jax

        traced = jax.jit(traced)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, traced(*tensors))
