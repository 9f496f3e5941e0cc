"""Places as sines and cosines, which need no weights and fit maps of every size."""

import math

import keras
import numpy as np
from keras import ops

from kapps.layers.initializers import RandomNormal

EPSILON = 1e-6  # DETR's, when it divides by the size of the map
TEMPERATURE = 10000.0  # wavelengths go from 2 pi to that many times as much
_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class SinePositions(keras.layers.Layer):
    """Adds to each token of a map the sines and cosines of its row and its column.

    Sources: End-to-End Object Detection with Transformers (Carion et al., 2020, arXiv:2005.12872),
    appendix A.4, for "share": places are shares of the map, counted from 1, times 2 pi, and sines
    and cosines take turns. An Empirical Study of Training Self-Supervised Vision Transformers (Chen
    et al., 2021, arXiv:2104.02057), section 5, and RT-DETR, for "pixel": places are counted from 0,
    and the cosines follow the sines. Rows come first in both.

    Args:
        height, width: of the map, whose tokens are row by row.
        unit: "share" or "pixel".

    Input and output: (batch, height * width, channels), of channels that 4 divides.
    """

    def __init__(self, height, width, unit="share", **kwargs):
        super().__init__(**kwargs)
        if unit not in ("share", "pixel"):
            raise ValueError(f"unit={unit!r}: expected 'share' or 'pixel'")
        self.height, self.width, self.unit = height, width, unit

    def build(self, input_shape):
        self.table = sines(self.height, self.width, input_shape[-1], self.unit)

    def call(self, inputs):
        return inputs + ops.convert_to_tensor(self.table, self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
            "unit": self.unit,
        }


@_register
class MapPlaces(keras.layers.Layer):
    """Adds to the tokens of several maps where they are, and a learnt vector of their map.

    Source: Deformable DETR (Zhu et al., 2020, arXiv:2010.04159), section 4.1; places are those of
    `SinePositions` with the unit "share".

    Args:
        grids: (rows, columns) of the maps, whose tokens follow one another row by row.
        temperature: of the slowest sine; less is less fine.

    Input and output: (batch, tokens, channels), of channels that 4 divides.
    """

    def __init__(self, grids, temperature=TEMPERATURE, **kwargs):
        super().__init__(**kwargs)
        self.grids, self.temperature = tuple(map(tuple, grids)), temperature

    def build(self, input_shape):
        channels = input_shape[-1]
        parts = [sines(*grid, channels, "share", self.temperature) for grid in self.grids]
        self.table = np.concatenate(parts)
        self.maps = self.add_weight(
            shape=(len(self.grids), channels), initializer=RandomNormal(stddev=1.0), name="maps"
        )

    def call(self, inputs):
        counts = [height * width for height, width in self.grids]
        of_map = np.repeat(np.arange(len(counts)), counts)
        learnt = ops.take(ops.cast(self.maps, self.compute_dtype), of_map, axis=0)
        return inputs + learnt + ops.convert_to_tensor(self.table, self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"grids": self.grids, "temperature": self.temperature}


@_register
class CoordinateSines(keras.layers.Layer):
    """Numbers as sines and cosines that take turns: float32 (..., n) -> (..., n * channels).

    Source: DAB-DETR (Liu et al., 2022, arXiv:2201.12329), section 4.2. Of boxes, whose x is first,
    y comes first.

    Args:
        channels: of each number, an even one.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.channels = channels

    def call(self, inputs):
        speeds = 2 * math.pi * TEMPERATURE ** -(np.arange(0, self.channels, 2) / self.channels)
        angles = inputs[..., None] * ops.convert_to_tensor(speeds, "float32")
        waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
        *rows, numbers = inputs.shape
        batch = [-1 if side is None else side for side in rows]
        waves = ops.reshape(waves, (*batch, numbers, self.channels))
        if numbers > 1:
            waves = ops.concatenate(
                [waves[..., 1:2, :], waves[..., 0:1, :], waves[..., 2:, :]], axis=-2
            )
        return ops.reshape(waves, (*batch, numbers * self.channels))

    def compute_output_spec(self, inputs):
        shape = (*inputs.shape[:-1], inputs.shape[-1] * self.channels)
        return keras.KerasTensor(shape, "float32")

    def get_config(self):
        return super().get_config() | {"channels": self.channels}


def sines(
    height: int, width: int, channels: int, unit: str, temperature: float = TEMPERATURE
) -> np.ndarray:
    """The table that `SinePositions` adds: float32 (height * width, channels).

    Raises:
        ValueError: 4 does not divide the channels.
    """
    if channels % 4:
        raise ValueError(f"{channels} channels: expected a number that 4 divides")
    along = [np.arange(size, dtype="float64") for size in (height, width)]
    if unit == "share":
        along = [2 * math.pi * (x + 1) / (len(x) + EPSILON) for x in along]
    grids = np.meshgrid(*along, indexing="ij")
    speeds = temperature ** -(np.arange(channels // 4) / (channels // 4))
    angles = [grid.reshape(-1, 1) * speeds for grid in grids]
    parts = [np.stack([np.sin(x), np.cos(x)], axis=-1 if unit == "share" else 1) for x in angles]
    return np.concatenate([x.reshape(len(x), -1) for x in parts], axis=1).astype("float32")
