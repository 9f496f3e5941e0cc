"""Norms of gradients against a line computed by hand, and depth with and without shortcuts."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kapps.inspect import gradient_flow


@pytest.mark.contract
def test_the_norms_are_those_of_the_steps():
    """(1 x0 + 2 x1 - y)^2 at x = (3, 4), y = 10 has d/dk = 2 x = (6, 8) and d/db = 2; a step of
    0.01 lowers the residual 1 by 0.06 x 3 + 0.08 x 4 + 0.02 = 0.52."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Dense(1, name="line")(inputs))
    model.set_weights([np.array([[1.0], [2.0]]), np.zeros(1)])
    found = gradient_flow(
        model, np.float32([[3, 4]]), np.float32([[10]]), steps=2,
        loss=lambda y, x: ops.square(y - x)[:, 0],
    )  # fmt: skip
    assert found.losses == pytest.approx([1, 0.48**2], rel=1e-4)
    assert found.norms["line/kernel"] == pytest.approx([10, 4.8], rel=1e-4)
    assert found.norms["line/bias"] == pytest.approx([2, 0.96], rel=1e-4)
    assert found.relative["line/kernel"] == pytest.approx(10 / 5**0.5)
    assert found.signs == [] and found.dead is None
    np.testing.assert_array_equal(ops.convert_to_numpy(model.weights[0]), [[1], [2]])


def deep(residual: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((16,))
    for i in range(12):
        y = layers.Dense(16, "sigmoid", name=f"layer{i}")(x)
        x = layers.Add()([x, y]) if residual else y
    return keras.Model(inputs, layers.Dense(3, "softmax", name="predictions")(x))


def test_a_plain_network_loses_the_gradient_that_a_residual_one_keeps():
    """Each sigmoid lets a quarter of it through at most: 1/4^12 of the last reaches the first."""
    batch = np.random.default_rng(0).normal(size=(8, 16)).astype("float32"), np.arange(8) % 3
    plain, residual = (gradient_flow(deep(kind), *batch) for kind in (False, True))
    assert len(plain.signs) == 1 and "vanishing gradients: layer0/kernel gets" in plain.signs[0]
    assert residual.signs == []
    first, last = "layer0/kernel", "predictions/kernel"
    assert plain.relative[first] < 1e-4 * plain.relative[last]
    assert residual.relative[first] > 1e-2 * residual.relative[last]


def test_dead_relus_are_named():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = layers.Dense(8, "relu", name="hidden", bias_initializer=keras.initializers.Constant(-9))
    model = keras.Model(inputs, layers.Dense(2)(x(inputs)))
    found = gradient_flow(model, np.ones((2, 4), "float32") / 9, np.array([0, 1]))
    assert found.dead.shares == {"hidden": 1.0}
    assert any("dead ReLUs: 100% of hidden" in text for text in found.signs)
