"""Host initialisers draw from the distributions that their sources state."""

import keras
import numpy as np
import pytest

from kapps.layers.initializers import NAMED, TruncatedNormal, VarianceScaling, initializer

# name -> variance of a (3, 3, 64, 128) kernel: fan_in 576, fan_out 1152 (Glorot 2010, He 2015).
VARIANCES = {
    "glorot_uniform": 2 / (576 + 1152),
    "he_normal": 2 / 576,
    "he_normal_fan_out": 2 / 1152,
    "lecun_normal": 1 / 576,
}


@pytest.mark.parametrize(("name", "variance"), VARIANCES.items())
def test_variance(name, variance):
    keras.utils.set_random_seed(0)  # one draw in 400 is further off than three deviations
    values = initializer(name)((3, 3, 64, 128))
    assert values.dtype == "float32"
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert values.mean() == pytest.approx(0.0, abs=3 * np.sqrt(variance / values.size))


def test_a_uniform_draw_has_hard_limits():
    values = initializer("glorot_uniform")((3, 3, 64, 128))
    assert np.abs(values).max() <= np.sqrt(6 / (576 + 1152))


def test_a_truncated_draw_stays_within_two_deviations():
    values = TruncatedNormal(mean=1.0, stddev=0.5)((1000, 100))
    assert np.abs(values - 1.0).max() <= 1.0
    # The deviation of a normal distribution cut at two deviations is 0.8796 of its own.
    assert values.std() == pytest.approx(0.5 * 0.8796, rel=0.01)


def test_the_seed_decides():
    first, second = (VarianceScaling(seed=5)((4, 4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (VarianceScaling(seed=6)((4, 4)) != first).any()


def test_keras_seeds_it():
    keras.utils.set_random_seed(1)
    first = initializer("he_normal")((4, 4))
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(initializer("he_normal")((4, 4)), first)


@pytest.mark.parametrize("name", NAMED)
def test_it_survives_a_configuration(name):
    layer = keras.layers.Dense(2, kernel_initializer=initializer(name))
    again = keras.layers.Dense.from_config(layer.get_config()).kernel_initializer
    assert type(again) is type(layer.kernel_initializer)
    assert again.get_config() == layer.kernel_initializer.get_config()
