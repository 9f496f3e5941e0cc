"""A network with its branches beside the same network without."""

import math

import keras
import numpy as np

import kapps
from tests.parity.fill import fill, golden_input
from tests.parity.quick import answer, undrawn


def compare(app, size: int = 64):
    """(largest difference of the logits relative to the largest logit, parameters, the network)."""
    with undrawn():
        model = app(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    for layer in model.layers:
        damped = 0.7 if isinstance(layer, keras.layers.BatchNormalization) else 1.0
        for variable in layer.weights:
            name = variable.path.replace("/", ".")
            name = name.replace("moving_variance", "running_var")
            variable.assign(fill(name, variable.shape, norm_scale=damped))
    merged = kapps.reparameterize(model)
    images = np.concatenate([golden_input(size, 0), golden_input(size, 1)])
    expected, found = (answer(m, images, app.family) for m in (model, merged))
    error = np.abs(found - expected).max() / np.abs(expected).max()
    return error, sum(math.prod(v.shape) for v in merged.trainable_variables), merged
