"""The pixels of pooling windows side by side, for rules that need more than their maximum."""

import keras
from keras import ops


def windows(x, pool_size: int, strides: int, data_format: str):
    """Windows that lie within the image, as (pool_size**2, *shape of the pooled image).

    The first axis goes through a window row by row. Height and width of `x` must be static.
    """
    rows, columns = spatial(x.shape, data_format)
    high, wide = pooled(rows, pool_size, strides), pooled(columns, pool_size, strides)
    shifted = []
    for top in range(pool_size):
        for left in range(pool_size):
            part = (
                slice(top, top + (high - 1) * strides + 1, strides),
                slice(left, left + (wide - 1) * strides + 1, strides),
            )
            shifted.append(x[:, *part] if data_format == "channels_last" else x[:, :, *part])
    return ops.stack(shifted)


def spatial(shape, data_format: str) -> tuple:
    """Height and width in the shape of a batch of images."""
    return tuple(shape[1:3] if data_format == "channels_last" else shape[2:4])


def with_spatial(shape, sides, data_format: str) -> tuple:
    """The same shape with another height and width."""
    if data_format == "channels_last":
        return (shape[0], *sides, shape[3])
    return (*shape[:2], *sides)


def pooled(size: int, pool_size: int, strides: int) -> int:
    """Windows along an axis of `size` pixels."""
    return (size - pool_size) // strides + 1


class Pooling(keras.layers.Layer):
    """Windows of `pool_size` pixels within the image, `strides` pixels apart."""

    def __init__(self, pool_size=2, strides=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.strides = pool_size, strides or pool_size
        self.data_format = data_format or keras.config.image_data_format()

    def compute_output_shape(self, input_shape):
        sides = [
            None if side is None else pooled(side, self.pool_size, self.strides)
            for side in spatial(input_shape, self.data_format)
        ]
        return with_spatial(input_shape, sides, self.data_format)

    def get_config(self):
        names = ("pool_size", "strides", "data_format")
        return super().get_config() | {name: getattr(self, name) for name in names}
