"""Maps cut into patches whose pixels attend to the same pixel of other patches: MobileViT's."""

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")


class _Patches(keras.layers.Layer):
    """What both directions know: the side of a patch, and whether rows are merged."""

    regroups = True  # rows are pixels of all patches on one side and images on the other

    def __init__(self, patch, rows=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.patch, self.rows = patch, rows
        self.data_format = data_format or keras.config.image_data_format()

    @property
    def _first(self) -> bool:
        return self.data_format == "channels_first"

    def get_config(self):
        config = {"patch": self.patch, "rows": self.rows, "data_format": self.data_format}
        return super().get_config() | config


@_register
class MapToPatches(_Patches):
    """A map as (batch, pixels of a patch, patches, channels), both row by row.

    Source: MobileViT (Mehta and Rastegari, 2021, arXiv:2110.02178), equation 1.

    Args:
        patch: side of a patch in pixels, a divisor of height and width.
        rows: whether batch and pixels are one axis, so that `Attention` takes the result.
        data_format: of the map.
    """

    def call(self, inputs):
        x = ops.transpose(inputs, (0, 2, 3, 1)) if self._first else inputs
        _, height, width, channels = ops.shape(x)
        side, down, across = self.patch, height // self.patch, width // self.patch
        # In two steps, so that no tensor has more axes than a phone's runtime moves.
        x = ops.reshape(x, (-1, down, side, width * channels))
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, down * across, side, channels))
        x = ops.transpose(x, (0, 2, 1, 3))
        leading = (-1,) if self.rows else (-1, side * side)
        return ops.reshape(x, (*leading, down * across, channels))

    def compute_output_spec(self, inputs):
        batch, *sides, channels = inputs.shape
        if self._first:
            channels, *sides = inputs.shape[1:]
        patches = None if None in sides else sides[0] * sides[1] // self.patch**2
        pixels = self.patch**2
        leading = (batch and batch * pixels,) if self.rows else (batch, pixels)
        return keras.KerasTensor((*leading, patches, channels), self.compute_dtype)


@_register
class PatchesToMap(_Patches):
    """The reverse of `MapToPatches`, for a map of the height and width of a second one.

    Args:
        patch, rows, data_format: as of the `MapToPatches` that made the patches.
    """

    def call(self, inputs):
        x, like = inputs
        height, width = ops.shape(like)[2:4] if self._first else ops.shape(like)[1:3]
        channels = x.shape[-1]
        side, down, across = self.patch, height // self.patch, width // self.patch
        x = ops.reshape(x, (-1, side, down * across, channels))
        x = ops.transpose(x, (0, 2, 1, 3))
        x = ops.reshape(x, (-1, side, down, width * channels))
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height, width, channels))
        return ops.transpose(x, (0, 3, 1, 2)) if self._first else x

    def compute_output_spec(self, inputs):
        x, like = inputs
        shape = list(like.shape)
        shape[1 if self._first else -1] = x.shape[-1]
        return keras.KerasTensor(tuple(shape), self.compute_dtype)
