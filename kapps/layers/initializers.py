"""Initialisers that draw on the host, in numpy.

A Keras initialiser runs on the backend; on JAX that compiles one program per weight shape, which is
most of the time that a network takes to build. These give the same distributions, seeded the same
way, as numpy arrays that the backend only has to copy. They travel with the model's configuration,
so a saved model is quick to load as well. The values are float32; Keras casts them to `dtype`.
"""

# ruff: noqa: ARG002 (Keras calls every initialiser with a dtype)

from functools import cache

import keras
import numpy as np

from kapps._host import ready

LEVELS = 1 << 16

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class Zeros(keras.initializers.Zeros):
    """All zeros."""

    def __call__(self, shape, dtype=None):
        return ready(np.zeros(shape, "float32"))


@_register
class Ones(keras.initializers.Ones):
    """All ones."""

    def __call__(self, shape, dtype=None):
        return ready(np.ones(shape, "float32"))


@_register
class Constant(keras.initializers.Constant):
    """One value everywhere."""

    def __call__(self, shape, dtype=None):
        return ready(np.full(shape, self.value, "float32"))


@_register
class TruncatedNormal(keras.initializers.TruncatedNormal):
    """Normal values no further than two deviations from the mean."""

    def __call__(self, shape, dtype=None):
        values = _truncated_normal(_generator(self.seed), shape)
        return ready(np.float32(self.mean) + np.float32(self.stddev) * values)


@_register
class VarianceScaling(keras.initializers.VarianceScaling):
    """Values with variance `scale / fan` (Glorot and Bengio 2010, He et al. 2015)."""

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        rng = _generator(self.seed)
        if self.distribution == "uniform":
            limit = np.float32(np.sqrt(3.0 * variance))
            return ready(rng.random(shape, dtype="float32") * (2 * limit) - limit)
        if self.distribution == "untruncated_normal":
            values = rng.standard_normal(shape, dtype="float32")
            return ready(values * np.float32(np.sqrt(variance)))
        # Cutting a normal distribution at two deviations leaves 0.8796 of its deviation.
        stddev = np.float32(np.sqrt(variance) / 0.87962566103423978)
        return ready(_truncated_normal(rng, shape) * stddev)


NAMED = {
    "zeros": lambda: Zeros(),
    "ones": lambda: Ones(),
    "glorot_uniform": lambda: VarianceScaling(1.0, "fan_avg", "uniform"),
    "he_normal": lambda: VarianceScaling(2.0, "fan_in", "truncated_normal"),
    "he_normal_fan_out": lambda: VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    "lecun_normal": lambda: VarianceScaling(1.0, "fan_in", "truncated_normal"),
    "truncated_normal": lambda: TruncatedNormal(stddev=0.02),
}


def initializer(name: str) -> keras.initializers.Initializer:
    """A fresh host initialiser by name, each with a seed of its own."""
    return NAMED[name]()


def _generator(seed: int) -> np.random.Generator:
    """The fastest of numpy's generators; an initialiser draws millions of values."""
    return np.random.Generator(np.random.SFC64(seed))


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of one unit: the last two axes times the receptive field before them."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Deviation-one values within [-2, 2], each one of 65,536 quantiles by a random 16-bit number.

    Looking up costs a fifth of drawing and redrawing, and large networks draw 350 million values.
    """
    return _quantiles()[rng.integers(0, LEVELS, shape, dtype="uint16", endpoint=False)]


@cache
def _quantiles() -> np.ndarray:
    """The middles of `LEVELS` equally likely slices of a normal distribution cut at two."""
    x = np.linspace(-2.0, 2.0, 1 << 20)
    density = np.exp(-(x**2) / 2)
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp((np.arange(LEVELS) + 0.5) / LEVELS, share / share[-1], x).astype("float32")
