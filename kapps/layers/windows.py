"""The pixels of pooling windows side by side, for rules that need more than their maximum."""

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
