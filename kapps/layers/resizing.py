"""Maps resized by the rules of torch, which Keras has no word for."""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")


class _Resize(keras.layers.Layer):
    """A layer that changes height and width alone, by default to those of a second map."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def _axes(self) -> tuple[int, int]:
        return (1, 2) if self.data_format == "channels_last" else (2, 3)

    def _sizes(self, x) -> tuple:
        """Height and width in pixels; tensors where only the running graph knows them."""
        shape = ops.shape(x)
        return tuple(shape[axis] for axis in self._axes)

    def _spec(self, x, sizes):
        shape = list(x.shape)
        for axis, size in zip(self._axes, sizes, strict=True):
            shape[axis] = size
        return keras.KerasTensor(tuple(shape), self.compute_dtype)

    def compute_output_spec(self, inputs):
        x, like = inputs
        return self._spec(x, [like.shape[axis] for axis in self._axes])

    def get_config(self):
        return super().get_config() | {"data_format": self.data_format}


@_register
class NearestResize(_Resize):
    """The first of two maps at the height and width of the second, by repeating pixels.

    Pixel i of the output is pixel `floor(i * size / new_size)` of the input: torch's "nearest".
    Keras's takes the pixel below the middle of i, which differs where the sizes are no multiples.

    Args:
        data_format: "channels_last" or "channels_first".
    """

    def call(self, inputs):
        x, like = inputs
        sizes = self._sizes(like)
        for axis, size, new_size in zip(self._axes, self._sizes(x), sizes, strict=True):
            if not (_known(size, new_size) and new_size % size == 0):
                x = ops.take(x, ops.arange(new_size) * size // new_size, axis)
        # What remains is whole multiples, where all rules agree and every runtime has an operator.
        if _known(*sizes) and sizes != self._sizes(x):
            x = ops.image.resize(x, sizes, "nearest", data_format=self.data_format)
        return x


class _Bilinear(_Resize):
    """A layer that interpolates between the four nearest pixels."""

    def __init__(self, align_corners=False, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.align_corners = align_corners

    def _resized(self, x, sizes):
        """`x` with new sizes, by a product along each axis that changes.

        Keras's resizing is the same for sizes that grow, faster, and one operator on a phone.
        """
        given = self._sizes(x)
        if given == tuple(sizes):
            return x
        if not self.align_corners and _known(*given, *sizes) and _grow(given, sizes):
            return ops.image.resize(x, sizes, "bilinear", data_format=self.data_format)
        for axis, size, new_size in zip(self._axes, self._sizes(x), sizes, strict=True):
            if not _known(size, new_size) or size != new_size:
                weights = ops.cast(self._weights(size, new_size), x.dtype)
                x = ops.moveaxis(ops.tensordot(x, weights, ((axis,), (0,))), -1, axis)
        return x

    def _weights(self, size, new_size):
        """(size, new_size): how much of each pixel is in each new one."""
        place, pixels = (ops.arange(n, dtype="float32") for n in (new_size, size))
        size, new_size = (ops.cast(n, "float32") for n in (size, new_size))
        if self.align_corners:
            place = place * ((size - 1) / ops.maximum(new_size - 1, 1))
        else:
            place = ops.clip((place + 0.5) * (size / new_size) - 0.5, 0, size - 1)
        return ops.relu(1 - ops.abs(pixels[:, None] - place[None]))

    def get_config(self):
        return super().get_config() | {"align_corners": self.align_corners}


@_register
class BilinearResize(_Bilinear):
    """The first of two maps at the height and width of the second: torch's "bilinear".

    Args:
        align_corners: whether the corners of the outermost pixels stay (False) or their middles.
        data_format: "channels_last" or "channels_first".
    """

    def call(self, inputs):
        x, like = inputs
        return self._resized(x, self._sizes(like))


@_register
class BilinearResizeTo(_Bilinear):
    """A map at a given height and width: torch's "bilinear".

    Args:
        size: (height, width) in pixels.
        align_corners, data_format: as of `BilinearResize`.
    """

    def __init__(self, size, align_corners=False, data_format=None, **kwargs):
        super().__init__(align_corners, data_format, **kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        return self._resized(inputs, self.size)

    def compute_output_spec(self, inputs):
        return self._spec(inputs, self.size)

    def get_config(self):
        return super().get_config() | {"size": list(self.size)}


@_register
class ResizeToMultiple(_Bilinear):
    """A map whose height and width are rounded up to multiples of a number, bilinearly.

    Args:
        multiple: in pixels. align_corners, data_format: as of `BilinearResize`.
    """

    def __init__(self, multiple, align_corners=False, data_format=None, **kwargs):
        super().__init__(align_corners, data_format, **kwargs)
        self.multiple = multiple

    def call(self, inputs):
        return self._resized(inputs, [self._rounded(size) for size in self._sizes(inputs)])

    def _rounded(self, size):
        return -(-size // self.multiple) * self.multiple

    def compute_output_spec(self, inputs):
        sizes = [inputs.shape[axis] for axis in self._axes]
        return self._spec(inputs, [size and self._rounded(size) for size in sizes])

    def get_config(self):
        return super().get_config() | {"multiple": self.multiple}


def _grow(sizes, new_sizes) -> bool:
    return all(new >= old for old, new in zip(sizes, new_sizes, strict=True))


def _known(*sizes) -> bool:
    return all(isinstance(size, int) for size in sizes)
