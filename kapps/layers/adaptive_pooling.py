"""Average pooling to a given size, whatever the size of the image."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kapps")
class AdaptiveAveragePooling2D(keras.layers.AdaptiveAveragePooling2D):
    """Keras's layer, as two products with constant matrices, or as one average where windows tile.

    Output i along an axis of n pixels is the mean from floor(i * n / size) up to but not including
    ceil((i + 1) * n / size), as in torch; larger than the image, it repeats pixels. Keras 3.15
    gives NaN under JAX's compiler where no window is larger than another. Height and width are
    static.
    """

    def call(self, inputs):
        first = self.data_format == "channels_first"
        sides = inputs.shape[2:4] if first else inputs.shape[1:3]
        ratios = [divmod(n, size) for n, size in zip(sides, self.output_size, strict=True)]
        if all(whole and not rest for whole, rest in ratios):
            pool_size = tuple(whole for whole, _ in ratios)
            return ops.average_pool(inputs, pool_size, pool_size, "valid", self.data_format)
        rows, columns = (
            ops.convert_to_tensor(_means(n, size), dtype=inputs.dtype)
            for n, size in zip(sides, self.output_size, strict=True)
        )
        if first:
            return ops.matmul(ops.matmul(rows, inputs), ops.transpose(columns))
        (height, width), (high, wide) = sides, self.output_size
        channels = inputs.shape[3]
        x = ops.matmul(rows, ops.reshape(inputs, (-1, height, width * channels)))
        x = ops.matmul(columns, ops.reshape(x, (-1, width, channels)))
        return ops.reshape(x, (-1, high, wide, channels))


def _means(count: int, size: int) -> np.ndarray:
    """The matrix (size, count) of the means along one axis."""
    matrix = np.zeros((size, count), "float32")
    for i in range(size):
        start, stop = i * count // size, -(-(i + 1) * count // size)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def adaptive_avg_pool(x, nn, output_size: int, *, name: str):
    """The layer `name`, or `x` itself where it has `output_size` rows and columns already."""
    sides = x.shape[1:3] if nn.axis == -1 else x.shape[2:4]
    if tuple(sides) == (output_size,) * 2:
        return x
    return AdaptiveAveragePooling2D(output_size, nn.data_format, name=name)(x)
