"""What comparisons with references need not wait for: first values, and a graph for two images."""

import contextlib
from collections.abc import Iterator
from unittest import mock

import keras
import numpy as np
from keras.src.initializers.random_initializers import VarianceScaling

from kapps.layers import initializers
from tests.representatives import REPRESENTATIVES


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Inside, networks are built with zeros; drawing what is overwritten takes longer than all."""

    def zeros(_, shape, dtype=None):
        return np.zeros(shape, "float32")

    with (
        mock.patch.object(VarianceScaling, "__call__", zeros),
        mock.patch.object(initializers, "_drawn", zeros),
    ):
        yield


def answer(model: keras.Model, images: np.ndarray, family: str):
    """What a model says of a few images; an array, or a list of them.

    TensorFlow would make a graph for each network and have XLA compile it, for two images. In `make
    test` it does so for the representatives of all families, and works the others out layer by
    layer: the kernels are the same.
    """
    if keras.config.backend() == "tensorflow" and family not in REPRESENTATIVES:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, model(images, training=False))
    return model.predict(images, verbose=0, batch_size=1)
