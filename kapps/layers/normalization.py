"""Normalisation by the statistics of a batch, as the backend does it best, or of one image."""

import keras
from keras import ops

from kapps.layers import kernels
from kapps.layers.initializers import initializer


@keras.saving.register_keras_serializable(package="kapps")
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


def group_norm(x, nn, groups: int = 32, epsilon: float = 1e-5, *, name: str):
    """The layer `name`: each image by mean and variance of each group of neighbouring channels.

    Source: Group Normalization (Wu and He, 2018, arXiv:1803.08494).
    """
    return keras.layers.GroupNormalization(
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
