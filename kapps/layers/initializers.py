"""Initialisers that draw on the host, in numpy.

A Keras initialiser runs on the backend; on JAX that compiles one program per weight shape, which is
most of the time that a network takes to build. These give the same distributions, seeded the same
way, as numpy arrays that the backend only has to copy. They travel with the model's configuration,
so a saved model is quick to load as well. The values are float32; Keras casts them to `dtype`.
"""

# ruff: noqa: ARG002 (Keras calls every initialiser with a dtype)

import mmap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import keras
import numpy as np

from kapps.layers.kernels.host import ready

LEVELS = 1 << 16
BLOCK = 1 << 20  # values drawn from one stream
ALIGNMENT = 64  # bytes; JAX takes over an array that begins at a multiple, and copies others

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
        return ready(_drawn(self.seed, shape, _truncated_normal(self.stddev, self.mean)))


@_register
class RandomNormal(keras.initializers.RandomNormal):
    """Normal values."""

    def __call__(self, shape, dtype=None):
        return ready(_drawn(self.seed, shape, _normal(self.stddev)))


@_register
class VarianceScaling(keras.initializers.VarianceScaling):
    """Values with variance `scale / fan` (Glorot and Bengio 2010, He et al. 2015)."""

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            fill = _uniform(np.sqrt(3.0 * variance))
        elif self.distribution == "untruncated_normal":
            fill = _normal(np.sqrt(variance))
        else:
            # Cutting a normal distribution at two deviations leaves 0.8796 of its deviation.
            fill = _truncated_normal(np.sqrt(variance) / 0.87962566103423978)
        return ready(_drawn(self.seed, shape, fill))


NAMED = {
    "zeros": lambda: Zeros(),
    "ones": lambda: Ones(),
    "glorot_uniform": lambda: VarianceScaling(1.0, "fan_avg", "uniform"),
    "he_normal": lambda: VarianceScaling(2.0, "fan_in", "truncated_normal"),
    "he_normal_fan_out": lambda: VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    "torch_uniform": lambda: VarianceScaling(1 / 3, "fan_in", "uniform"),  # of its convolutions
    "lecun_normal": lambda: VarianceScaling(1.0, "fan_in", "truncated_normal"),
    "truncated_normal": lambda: TruncatedNormal(stddev=0.02),
    "normal_0.001": lambda: RandomNormal(stddev=0.001),
    "normal_0.01": lambda: RandomNormal(stddev=0.01),
    "normal_0.03": lambda: RandomNormal(stddev=0.03),
}


def initializer(name: str) -> keras.initializers.Initializer:
    """A fresh host initialiser by name, each with a seed of its own."""
    return NAMED[name]()


Fill = Callable[[np.random.Generator, np.ndarray], None]


def _drawn(seed: int, shape: tuple[int, ...], fill: Fill) -> np.ndarray:
    """Random values (float32), block by block on all cores; each block has a stream of its own."""
    count = int(np.prod(shape))
    values = _empty(count)

    def work(block: int) -> None:
        # The fastest of numpy's generators.
        rng = np.random.Generator(np.random.SFC64((seed, block)))
        fill(rng, values[block * BLOCK : (block + 1) * BLOCK])

    blocks = range(-(-count // BLOCK))
    if len(blocks) > 1:
        with ThreadPoolExecutor() as pool:
            list(pool.map(work, blocks))
    else:
        for block in blocks:
            work(block)
    return values.reshape(shape)


def _empty(count: int) -> np.ndarray:
    """Unset float32 values at an address that JAX takes over."""
    if count >= BLOCK:
        # From 4 MB on numpy asks for huge pages, and the kernel may move memory about for them:
        # 4.1 instead of 2.2 seconds for ConvNeXtXLarge. A map of our own is aligned to a page.
        return np.frombuffer(mmap.mmap(-1, 4 * count), "float32")
    raw = np.empty(count + ALIGNMENT // 4, "float32")
    start = -raw.ctypes.data % ALIGNMENT // 4
    return raw[start : start + count]


def _uniform(limit: float) -> Fill:
    """Values within [-limit, limit]."""

    def fill(rng, values):
        rng.random(out=values, dtype="float32")
        values *= np.float32(2 * limit)
        values -= np.float32(limit)

    return fill


def _normal(stddev: float) -> Fill:
    """Values around zero."""

    def fill(rng, values):
        rng.standard_normal(out=values, dtype="float32")
        values *= np.float32(stddev)

    return fill


def _truncated_normal(stddev: float, mean: float = 0.0) -> Fill:
    """Values within two deviations, each one of 65,536 quantiles by a random 16-bit number.

    Looking up costs a fraction of drawing and redrawing, and large networks draw 350 million.
    """
    table = np.float32(mean) + np.float32(stddev) * _quantiles()

    def fill(rng, values):
        index = np.frombuffer(rng.bytes(2 * len(values)), "uint16")
        np.take(table, index, out=values, mode="clip")  # "raise" would take a copy of `values`

    return fill


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of one unit: the last two axes times the receptive field before them."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


@cache
def _quantiles() -> np.ndarray:
    """The middles of `LEVELS` equally likely slices of a normal distribution cut at two."""
    x = np.linspace(-2.0, 2.0, 1 << 20)
    density = np.exp(-(x**2) / 2)
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp((np.arange(LEVELS) + 0.5) / LEVELS, share / share[-1], x).astype("float32")
