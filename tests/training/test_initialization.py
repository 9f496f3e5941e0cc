"""Moments of the kernels against the formulas of the sources."""

import keras
import numpy as np
import pytest

from kapps import applications
from kapps.training import initialization

WIDE = 64  # enough values for a deviation within a few percent


def network() -> keras.Model:
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(WIDE, 3, name="stage1_conv")(image)
    x = keras.layers.Conv2D(WIDE, 3, groups=4, name="stage2_conv")(x)
    x = keras.layers.DepthwiseConv2D(5, name="stage3_conv")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4 * WIDE, name="fc1")(x)
    return keras.Model(image, keras.layers.Dense(WIDE, name="predictions")(x))


def kernels(model) -> dict[str, np.ndarray]:
    return {layer.name: np.array(layer.kernel) for layer in model.layers if layer.weights}


FANS = {  # (inputs of a unit, outputs that an input reaches)
    "stage1_conv": (27, 576),
    "stage2_conv": (144, 576),
    "stage3_conv": (25, 25),
    "fc1": (64, 256),
    "predictions": (256, 64),
}


@pytest.mark.parametrize(
    ("word", "family", "convolution", "dense"),
    [
        ("he", "", lambda i, o: np.sqrt(2 / i), lambda i, o: np.sqrt(2 / i)),
        ("glorot", "", lambda i, o: np.sqrt(2 / (i + o)), lambda i, o: np.sqrt(2 / (i + o))),
        # A normal distribution cut at two deviations has 0.8796 of the deviation.
        ("truncated_normal", "", lambda i, o: 0.8796 * 0.02, lambda i, o: 0.8796 * 0.02),
        ("recipe", "resnet", lambda i, o: np.sqrt(2 / o), lambda i, o: 0.01),
        ("recipe", "mobilenet_v2", lambda i, o: np.sqrt(2 / o), lambda i, o: 0.01),
        ("recipe", "alexnet", lambda i, o: 0.01, lambda i, o: 0.01),
        ("recipe", "inception_v3", lambda i, o: 0.08796, lambda i, o: 0.08796),
        ("recipe", "lenet", lambda i, o: 2.4 / i / np.sqrt(3), lambda i, o: 2.4 / i / np.sqrt(3)),
    ],
)
def test_kernels_have_the_deviation_of_the_formula(word, family, convolution, dense):
    model = network()
    assert initialization.draw(model, word, family, seed=1)
    for name, values in kernels(model).items():
        formula = convolution if "conv" in name else dense
        # Three deviations of what a sample of this size may be off.
        off = 3 / np.sqrt(2 * values.size)
        assert values.std() == pytest.approx(formula(*FANS[name]), rel=off), name
        assert abs(values.mean()) < 3.5 * values.std() / np.sqrt(values.size), name


def test_alexnet_begins_with_some_biases_of_one():
    """Krizhevsky et al., 2012: the second, fourth and fifth convolution and the hidden layers."""
    model = network()
    initialization.draw(model, "recipe", "alexnet", seed=1)
    ones = {layer.name for layer in model.layers if layer.weights and np.all(layer.bias == 1)}
    assert ones == {"stage2_conv", "fc1"}
    names = [layer.name for layer in applications.get("AlexNetOWT")(weights=None).layers]
    assert {"stage2_conv", "stage4_conv", "stage5_conv", "fc1", "fc2"} <= set(names)


def test_values_depend_on_the_seed_and_layers_differ():
    first, again, other = network(), network(), network()
    for model, seed in ((first, 1), (again, 1), (other, 2)):
        initialization.draw(model, "he", "", seed)
    for name, values in kernels(first).items():
        np.testing.assert_array_equal(values, kernels(again)[name])
        assert not np.array_equal(values, kernels(other)[name])


def test_what_is_built_by_its_recipe_stays():
    model = network()
    before = kernels(model)
    assert not initialization.draw(model, "own", "resnet", 0)
    assert not initialization.draw(model, "recipe", "vit", 0)
    for name, values in kernels(model).items():
        np.testing.assert_array_equal(values, before[name])
    with pytest.raises(ValueError, match="initializer='xavier'"):
        initialization.draw(model, "xavier", "resnet", 0)


def test_every_row_is_a_family():
    families = {app.family for app in map(applications.get, applications.list_models())}
    assert set(initialization.RECIPES) <= families
