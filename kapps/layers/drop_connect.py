"""Fully connected layers of which a step uses some weights only."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class DropConnect(keras.layers.Dense):
    """A Dense layer that in training multiplies each weight and bias by 0, or by 1 / (1 - rate).

    The paper draws for each picture, which would take a kernel each; here a step draws once. To
    answer, it is the Dense layer: the mean, where the paper fits a Gaussian to the sums.

    Source: Regularization of Neural Networks using DropConnect (Wan et al., ICML 2013), section 3.

    Args:
        units: outputs.
        rate: share of the weights that is left out, in 0..1.
        seed: of the draws.
        **kwargs: of `keras.layers.Dense`.
    """

    def __init__(self, units, rate=0.5, seed=None, **kwargs):
        super().__init__(units, **kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        """(batch, features) -> (batch, units)."""
        if not training:
            return super().call(inputs)
        x = ops.matmul(inputs, self._thinned(self.kernel))
        if self.use_bias:
            x = x + self._thinned(self.bias)
        return self.activation(x)

    def _thinned(self, weights):
        weights = ops.cast(weights, self.compute_dtype)
        return keras.random.dropout(weights, self.rate, seed=self.seed_generator)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def drop_connections(model: keras.Model, rate: float) -> keras.Model:
    """The same network with `DropConnect` for the fully connected layers at its end.

    Those are the Dense layers of vectors between the last map and the classifier, as in the paper;
    the classifier itself where there is none.

    Args:
        model: functional.
        rate: see `DropConnect`.

    Returns:
        A functional model with weights of its own.

    Raises:
        ValueError: it ends in no Dense layer of vectors.
    """
    kinds = keras.layers.Dense, DropConnect  # others have weights of their own
    names = [layer.name for layer in _of_vectors(model) if type(layer) in kinds]
    if not names:
        raise ValueError(
            f"drop_connect={rate}: {model.name} does not end in a Dense layer; use dropout or "
            "drop_path, where the application has them."
        )
    chosen = names[1:] or names

    def copy(layer):
        if layer.name not in chosen:
            return type(layer).from_config(layer.get_config())
        return DropConnect.from_config(layer.get_config() | {"rate": rate})

    thinned = keras.models.clone_model(model, clone_function=copy)
    for layer in filter(lambda layer: layer.weights, model.layers):
        thinned.get_layer(layer.name).set_weights(layer.get_weights())
    return thinned


def _of_vectors(model: keras.Model) -> list[keras.Layer]:
    """The layers from the first output back to where a vector comes from something else."""
    found, layer = [], model.outputs[0]._keras_history.operation
    while isinstance(layer.input, keras.KerasTensor) and len(layer.input.shape) == 2:
        found.append(layer)
        layer = layer.input._keras_history.operation
    return found
