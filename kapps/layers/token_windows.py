"""A grid of tokens cut into windows, shifted if need be, and put together again."""

import keras
import numpy as np
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")
NEVER = -100.0  # added to the product of tokens that must not see each other


def padded(side: int, window: int) -> int:
    """The next multiple of a window."""
    return -(-side // window) * window


def shift_mask(grid, window, shift) -> np.ndarray:
    """(windows, tokens, tokens): 0 for neighbours, -100 for tokens that shifting brought together.

    Source: Swin Transformer (Liu et al., 2021), figure 4.
    """
    sides = [padded(side, size) for side, size in zip(grid, window, strict=True)]
    regions = []
    for side, size, by in zip(sides, window, shift, strict=True):
        place = np.arange(side)
        regions.append((place >= side - size).astype(int) + ((place >= side - by) & (by > 0)))
    region = 3 * regions[0][:, None] + regions[1][None]
    rows, columns = sides[0] // window[0], sides[1] // window[1]
    cut = region.reshape(rows, window[0], columns, window[1]).swapaxes(1, 2)
    cut = cut.reshape(rows * columns, -1)
    return np.where(cut[:, :, None] == cut[:, None], 0.0, NEVER).astype("float32")


class _Windowed(keras.layers.Layer):
    """What the two directions share.

    Args:
        grid: rows and columns of the tokens. window: of a window. shift: rows and columns by which
            the grid is turned, so that what leaves at the top comes back at the bottom.
        pad_first: whether the grid is padded, with zeros at its end to whole windows, before it is
            turned, as torchvision and Swin's detectors do, or after it, as timm does; it is the
            same where nothing is padded.
    """

    regroups = True  # rows are windows on one side and images on the other

    def __init__(self, grid, window, shift=(0, 0), pad_first=False, **kwargs):
        super().__init__(**kwargs)
        self.grid, self.window, self.shift = tuple(grid), tuple(window), tuple(shift)
        self.pad_first = pad_first
        self._sides = tuple(map(padded, self.grid, self.window))

    @property
    def _windows(self) -> tuple[int, int]:
        rows, columns = self._sides
        return rows // self.window[0], columns // self.window[1]

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "grid": self.grid,
            "window": self.window,
            "shift": self.shift,
            "pad_first": self.pad_first,
        }


@_register
class Windows(_Windowed):
    """(batch, tokens, channels) -> (batch * windows, tokens of a window, channels)."""

    def call(self, inputs):
        channels = inputs.shape[-1]
        (height, width), (rows, columns) = self.grid, self._sides
        x = ops.reshape(inputs, (-1, height, width, channels))
        x = x if self.pad_first else _turned(x, *self.shift)
        if (rows, columns) != self.grid:
            x = ops.pad(x, ((0, 0), (0, rows - height), (0, columns - width), (0, 0)))
        x = _turned(x, *self.shift) if self.pad_first else x
        # Four axes are enough, and all that some delegates of a phone take.
        (_, along), (high, wide) = self._windows, self.window
        x = ops.reshape(x, (-1, high, along, wide * channels))
        x = ops.transpose(x, (0, 2, 1, 3))
        return ops.reshape(x, (-1, high * wide, channels))

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        down, along = self._windows
        rows = None if batch is None else batch * down * along
        return (rows, self.window[0] * self.window[1], channels)


@_register
class Unwindows(_Windowed):
    """(batch * windows, tokens of a window, channels) -> (batch, tokens, channels)."""

    def call(self, inputs):
        channels = inputs.shape[-1]
        (_, along), (high, wide) = self._windows, self.window
        x = ops.reshape(inputs, (-1, along, high, wide * channels))
        x = ops.transpose(x, (0, 2, 1, 3))
        x = ops.reshape(x, (-1, *self._sides, channels))
        height, width = self.grid
        back = [-by for by in self.shift]
        x = (
            _turned(x, *back)[:, :height, :width]
            if self.pad_first
            else (_turned(x[:, :height, :width], *back))
        )
        return ops.reshape(x, (-1, height * width, channels))

    def compute_output_shape(self, input_shape):
        rows, _, channels = input_shape
        down, along = self._windows
        batch = None if rows is None else rows // (down * along)
        return (batch, self.grid[0] * self.grid[1], channels)


def _turned(x, down: int, along: int):
    """The first rows and columns at the end; negative numbers turn the other way."""
    if down:
        x = ops.concatenate([x[:, down:], x[:, :down]], axis=1)
    if along:
        x = ops.concatenate([x[:, :, along:], x[:, :, :along]], axis=2)
    return x


@_register
class MergePatches(keras.layers.Layer):
    """Each square of four tokens becomes one of four times the channels; odd sides are padded.

    Source: Swin Transformer (Liu et al., 2021), section 3.1; the order is the published networks':
    down the columns, the left one first.

    Args:
        grid: rows and columns of the tokens.
    """

    def __init__(self, grid, **kwargs):
        super().__init__(**kwargs)
        self.grid = tuple(grid)

    def call(self, inputs):
        height, width = self.grid
        x = ops.reshape(inputs, (-1, height, width, inputs.shape[-1]))
        if height % 2 or width % 2:
            x = ops.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
        quarters = [x[:, down::2, along::2] for along in (0, 1) for down in (0, 1)]
        x = ops.concatenate(quarters, axis=-1)
        return ops.reshape(x, (-1, *self.compute_output_shape(inputs.shape)[1:]))

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        rows, columns = (-(-side // 2) for side in self.grid)
        return (batch, rows * columns, 4 * channels)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"grid": self.grid}
