"""Pooling between the maximum and the mean: by chance, or in a proportion that is learnt."""

import keras
from keras import ops

from kapps.layers.initializers import Constant
from kapps.layers.windows import Pooling, windows

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class StochasticPooling2D(Pooling):
    """In training one pixel of the window, drawn in proportion to its value; then their mean.

    With p = x / sum(x) over the window, training takes pixel i with probability p_i and inference
    gives sum(p * x). Pixels are activations that are never negative (after a ReLU), others count
    as zero; a window of zeros gives zero. Source: Stochastic Pooling for Regularization of Deep
    Convolutional Neural Networks (Zeiler and Fergus, 2013, arXiv:1301.3557), section 3.

    Args:
        pool_size, strides: in pixels; windows do not overlap where `strides` is None.
        data_format: "channels_last" or "channels_first". Height and width are static.
        seed: of the draws.
    """

    def __init__(self, pool_size=2, strides=None, data_format=None, seed=None, **kwargs):
        super().__init__(pool_size, strides, data_format, **kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        x = ops.relu(windows(inputs, self.pool_size, self.strides, self.data_format))
        total = ops.sum(x, axis=0)
        if not training:
            # A window of zeros has no proportions, and any divisor gives its zero.
            return ops.sum(x * x, axis=0) / ops.where(total > 0, total, 1.0)
        # The first pixel whose running total passes a random share of the whole.
        mark = keras.random.uniform(ops.shape(total), dtype=total.dtype, seed=self.generator)
        running = ops.cumsum(x, axis=0)
        below = ops.cast(running <= mark * total, "int32")
        last = self.pool_size**2 - 1
        drawn = ops.minimum(ops.sum(below, axis=0), last)
        return ops.sum(x * ops.one_hot(drawn, last + 1, axis=0, dtype=x.dtype), axis=0)

    def get_config(self):
        return super().get_config() | {"seed": self.seed}


@_register
class UnitInterval(keras.constraints.Constraint):
    """A number in [0, 1]."""

    def __call__(self, w):
        return ops.clip(w, 0.0, 1.0)


@_register
class MixedPooling2D(Pooling):
    """`a * maximum + (1 - a) * mean`, with one proportion a in [0, 1] that is learnt.

    Source: Generalizing Pooling Functions in Convolutional Neural Networks: Mixed, Gated, and Tree
    (Lee et al., 2016, arXiv:1509.08985), section 3.1, "one per layer". Mixed Pooling (Yu et al.,
    2014) draws a from {0, 1} in training instead: `random=True`, where inference uses the mean of
    the draws, a = 0.5, and nothing is learnt.

    Args:
        pool_size, strides: in pixels; windows do not overlap where `strides` is None.
        data_format: "channels_last" or "channels_first".
        random: whether each sample and channel draws maximum or mean in training.
        seed: of the draws.
    """

    def __init__(
        self, pool_size=2, strides=None, data_format=None, random=False, seed=None, **kwargs
    ):
        super().__init__(pool_size, strides, data_format, **kwargs)
        self.random, self.seed = random, seed
        self.generator = keras.random.SeedGenerator(seed) if random else None

    def build(self, input_shape):  # noqa: ARG002 (the weight has the same shape for all)
        if not self.random:
            self.proportion = self.add_weight(
                shape=(),
                initializer=Constant(0.5),
                constraint=UnitInterval(),
                name="proportion",
            )

    def call(self, inputs, training=False):
        how = (self.pool_size, self.strides, "valid", self.data_format)
        maximum, mean = ops.max_pool(inputs, *how), ops.average_pool(inputs, *how)
        if not self.random:
            share = self.proportion
        elif training:
            batch = ops.shape(inputs)[0]
            first = self.data_format == "channels_first"
            channels = inputs.shape[1 if first else -1]
            shape = (batch, channels, 1, 1) if first else (batch, 1, 1, channels)
            draw = keras.random.uniform(shape, seed=self.generator)
            share = ops.cast(draw < 0.5, self.compute_dtype)
        else:
            share = 0.5
        return mean + share * (maximum - mean)

    def get_config(self):
        return super().get_config() | {"random": self.random, "seed": self.seed}
