"""Places as sines and cosines, which need no weights and fit maps of every size."""

import math

import keras
import numpy as np
from keras import ops

EPSILON = 1e-6  # DETR's, when it divides by the size of the map


@keras.saving.register_keras_serializable(package="kapps")
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


def sines(height: int, width: int, channels: int, unit: str) -> np.ndarray:
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
    speeds = 10000.0 ** -(np.arange(channels // 4) / (channels // 4))
    angles = [grid.reshape(-1, 1) * speeds for grid in grids]
    parts = [np.stack([np.sin(x), np.cos(x)], axis=-1 if unit == "share" else 1) for x in angles]
    return np.concatenate([x.reshape(len(x), -1) for x in parts], axis=1).astype("float32")
