"""Local response normalisation: a pixel is divided by what neighbouring channels say there."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class LocalResponseNormalization(keras.layers.Layer):
    """`x / (k + alpha * s) ** beta`, s being the sum of squares over `size` channels around each.

    Channels beyond the first and the last count as zero. Source: ImageNet Classification with Deep
    Convolutional Neural Networks (Krizhevsky et al., 2012), section 3.3, whose numbers are the
    defaults. As in the paper, `alpha` is not divided by `size`: for Caffe's and torch's networks,
    which divide, give their alpha divided by their size.

    Args:
        size: channels that take part, the paper's n; an odd number.
        alpha, beta, k: as in the formula.
        axis: of the channels.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if size % 2 == 0:
            raise ValueError(f"size={size}: expected an odd number of channels, such as 5")
        self.size, self.alpha, self.beta, self.k, self.axis = size, alpha, beta, k, axis

    def call(self, inputs):
        axis = self.axis % len(inputs.shape)
        channels, reach = inputs.shape[axis], self.size // 2
        widths = [(reach, reach) if i == axis else (0, 0) for i in range(len(inputs.shape))]
        squares = ops.pad(ops.square(inputs), widths)
        around = [
            squares[(slice(None),) * axis + (slice(start, start + channels),)]
            for start in range(self.size)
        ]
        return inputs * ops.power(self.k + self.alpha * sum(around), -self.beta)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self):
        names = ("size", "alpha", "beta", "k", "axis")
        return super().get_config() | {name: getattr(self, name) for name in names}
