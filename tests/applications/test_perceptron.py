"""Perceptron, MLP and Neocognitron: shapes of their papers, and that gradients train them."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from kapps.applications import MLP, Neocognitron, Perceptron
from kapps.inspect import layer_table


def test_one_layer_of_weights():
    assert Perceptron().count_params() == 784 * 10 + 10
    assert Perceptron(classes=2, input_shape=(5, 4, 1)).count_params() == 20 * 2 + 2


def test_hidden_units():
    # LeCun et al. (1998), section C.5: "28x28-300-10".
    assert MLP().count_params() == 784 * 300 + 300 + 300 * 10 + 10
    model = MLP(units=50)
    assert model.get_layer("fc1").units == 50
    assert model.get_layer("fc1_act").activation is keras.activations.sigmoid


def test_sizes_of_the_neocognitron():
    # Section 5 of Fukushima (1980): cells of US1, UC1, US2, UC2, US3 and UC3.
    rows = {row.name: row for row in layer_table(Neocognitron())}
    sides = [
        rows[f"stage{i}_{kind}"].output_shape[1:]
        for i in (1, 2, 3)
        for kind in ("simple", "complex")
    ]
    assert sides == [(side, side, 24) for side in (16, 10, 8, 6, 2, 1)]
    # Synapses of each S-cell: 5x5, then 5x5x24; one inhibitory one.
    params = [rows[f"stage{i}_simple"].params for i in (1, 2, 3)]
    assert params == [24 * (25 + 1), 24 * (600 + 1), 24 * (600 + 1)]


@pytest.mark.parametrize(("app", "epochs", "least"), [(Perceptron, 5, 0.8), (Neocognitron, 8, 0.5)])
def test_gradients_train_it(app, epochs, least):
    keras.utils.set_random_seed(0)
    digits = load_digits()
    x = digits.images.repeat(2, axis=1).repeat(2, axis=2)[..., None] * 16
    model = app(input_shape=(16, 16, 1))
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x, digits.target, batch_size=64, epochs=epochs, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["accuracy"][-1] > least
    for layer in model.layers:
        if hasattr(layer, "inhibition"):
            assert all((w >= 0).all() for w in layer.get_weights())
