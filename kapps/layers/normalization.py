"""Normalisations, computed as the backend does it best."""

import keras
from keras import ops

from kapps.layers import kernels
from kapps.layers.initializers import initializer

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, by the kernel of the backend where there is a faster one.

    A mask, batch renormalisation and statistics over several devices take Keras's own path.
    """

    def call(self, inputs, training=None, mask=None):
        outputs = None
        if mask is None and not self.renorm and not self.synchronized:
            train = training and self.trainable
            outputs = self._trained(inputs) if train else self._inferred(inputs)
        if outputs is None:
            return super().call(inputs, training=training, mask=mask)
        return ops.cast(outputs, self.compute_dtype)

    def _inferred(self, inputs):
        kernel = kernels.find("batch_norm")
        if kernel is None:
            return None
        averages = self.moving_mean, self.moving_variance
        return kernel(inputs, self.gamma, self.beta, *averages, self.epsilon, self.axis)

    def _trained(self, inputs):
        kernel = kernels.find("batch_statistics_norm")
        if kernel is None:
            return None
        found = kernel(inputs, self.gamma, self.beta, self.epsilon, self.axis)
        if found is None:
            return None
        outputs, mean, variance = found
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1.0 - self.momentum))
        return outputs


@_register
class LayerNormalization(keras.layers.LayerNormalization):
    """Keras's layer, whose last axis is normalised in the steps that the paper has.

    Keras folds them into one product and one sum, whose negated mean TensorFlow Lite cannot compute
    in integers.

    Source: Layer Normalization (Ba et al., 2016), equation 4.
    """

    def call(self, inputs):
        last = self.axis in ([-1], [len(inputs.shape) - 1])
        if not last or self.gamma is None or self.beta is None:
            return super().call(inputs)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        gamma, beta = (ops.cast(v, x.dtype) for v in (self.gamma, self.beta))
        kernel = kernels.find("layer_norm")
        if kernel is not None:
            outputs = kernel(x, gamma, beta, self.epsilon)
        else:
            x = x - ops.mean(x, axis=-1, keepdims=True)
            variance = ops.mean(ops.square(x), axis=-1, keepdims=True)
            outputs = x * ops.rsqrt(variance + self.epsilon) * gamma + beta
        return ops.cast(outputs, self.compute_dtype)


@_register
class GroupNormalization(keras.layers.GroupNormalization):
    """Keras's layer, which divides the channels of an image into groups without a fifth axis.

    The mean over a group is the mean of the means of its channels. So all that is large stays
    (batch, height, width, channels), which every backend and delegate knows how to run.

    Source: Group Normalization (Wu and He, 2018, arXiv:1803.08494), equations 1, 2, 6 and 7.
    """

    def call(self, inputs):
        if len(inputs.shape) != 4:
            return super().call(inputs)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        x = x - self._group_means(x)
        x = x * ops.rsqrt(self._group_means(ops.square(x)) + self.epsilon)
        if self.scale:
            x = x * self._per_channel(self.gamma)
        if self.center:
            x = x + self._per_channel(self.beta)
        return ops.cast(x, self.compute_dtype)

    def _group_means(self, x):
        """For each channel the mean over its group, of a shape that broadcasts to `x`."""
        channel = self.axis % 4
        channels = x.shape[channel]
        means = ops.mean(x, axis=[axis for axis in (1, 2, 3) if axis != channel])
        means = ops.reshape(means, (-1, self.groups, channels // self.groups))
        means = ops.mean(means, axis=2, keepdims=True)
        means = ops.tile(means, (1, 1, channels // self.groups))
        return ops.reshape(means, (-1, *self._shape(channels)))

    def _per_channel(self, values):
        return ops.reshape(values, (1, *self._shape(-1)))

    def _shape(self, channels: int) -> tuple[int, ...]:
        return tuple(channels if axis == self.axis % 4 else 1 for axis in (1, 2, 3))


def group_norm(x, nn, groups: int = 32, epsilon: float = 1e-5, *, name: str):
    """The layer `name`: each image by mean and variance of each group of neighbouring channels.

    Source: Group Normalization (Wu and He, 2018, arXiv:1803.08494).
    """
    return GroupNormalization(
        groups,
        axis=nn.axis,
        epsilon=epsilon,
        beta_initializer=initializer("zeros"),
        gamma_initializer=initializer("ones"),
        name=name,
    )(x)


def instance_norm(x, nn, epsilon: float = 1e-5, *, name: str):
    """The layer `name`: each image by mean and variance of each of its channels.

    Source: Instance Normalization (Ulyanov et al., 2016, arXiv:1607.08022).
    """
    return group_norm(x, nn, nn.channels(x), epsilon, name=name)
