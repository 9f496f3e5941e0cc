"""Attention to a few points of several maps, where the query says which points.

Source: Deformable DETR (Zhu et al., 2020, arXiv:2010.04159), section 4.1 and appendix A.
"""

import math

import keras
import numpy as np
from keras import ops

from kapps.layers.blocks import Blocks
from kapps.layers.initializers import initializer

_register = keras.saving.register_keras_serializable(package="kapps")


@_register
class DeformableAttention(keras.layers.Layer):
    """The weighted mean of what maps have at points near each query's place: equation 3.

    Between pixels values are interpolated bilinearly; outside of a map they are zero. It has no
    weights: `deformable_attention` puts Dense layers before it and one behind.

    Args:
        num_heads: into which the channels are divided; each has points of its own.
        points: of each head on each map.
        grids: (rows, columns) of the maps.

    Inputs: values (batch, places, channels) of all maps one after the other, row by row; where the
        points are from the place of the query (batch, Q, heads * maps * points * 2), x before y;
        how much each point weighs as logits (batch, Q, heads * maps * points), a softmax over the
        points of a head; and where the queries are, in shares of the image, (batch, Q, 4) boxes as
        middle and size, half of which over `points` is the unit of a step, or (batch, Q, 2) middles
        alone, whose unit is a pixel of the map. Without the last one the queries are the places
        of the maps themselves.
    Output: (batch, Q, channels).
    """

    def __init__(self, num_heads, points, grids, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})  # places need float32
        self.num_heads, self.points = num_heads, points
        self.grids = tuple(map(tuple, grids))

    def call(self, inputs):
        values = ops.cast(inputs[0], self.compute_dtype)
        steps, weights, *places = (ops.cast(x, "float32") for x in inputs[1:])
        places = places[0] if places else ops.convert_to_tensor(self._middles())
        queries, channels = ops.shape(steps)[1], values.shape[-1]
        heads, maps, points = self.num_heads, len(self.grids), self.points
        steps = ops.reshape(steps, (-1, queries, heads, maps, points, 2))
        weights = ops.softmax(ops.reshape(weights, (-1, queries, heads, maps * points)), axis=-1)
        at = self._points(steps, places)
        indices, shares = self._neighbours(at, values.shape[1])
        # One row for each head of each image, so that all points are looked up at once.
        values = ops.reshape(values, (-1, values.shape[1], heads, channels // heads))
        values = ops.transpose(values, (0, 2, 1, 3))
        rows = ops.shape(values)[0] * heads
        values = ops.reshape(values, (rows * values.shape[2], channels // heads))
        count = 4 * maps * points
        indices = ops.reshape(ops.transpose(indices, (0, 2, 1, 3, 4, 5)), (rows, queries * count))
        first = ops.arange(rows, dtype="int32")[:, None] * sum(h * w for h, w in self.grids)
        seen = ops.take(values, ops.reshape(indices + first, (-1,)), axis=0)
        seen = ops.reshape(seen, (-1, queries, count, channels // heads))
        shares = shares * ops.reshape(weights, (-1, queries, heads, maps, points, 1))
        shares = ops.reshape(ops.transpose(shares, (0, 2, 1, 3, 4, 5)), (-1, queries, 1, count))
        found = ops.matmul(ops.cast(shares, seen.dtype), seen)
        found = ops.reshape(found, (-1, heads, queries, channels // heads))
        return ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (-1, queries, channels))

    def _middles(self) -> np.ndarray:
        """Where the pixels of all maps are, in shares of the image: float32 (1, places, 2)."""
        grids = [np.mgrid[:rows, :columns] for rows, columns in self.grids]
        middles = [
            np.stack([(x + 0.5) / x.shape[1], (y + 0.5) / x.shape[0]], axis=-1) for y, x in grids
        ]
        return np.concatenate([one.reshape(-1, 2) for one in middles])[None].astype("float32")

    def _points(self, steps, places):
        """Where to look, in shares of the image: (batch, Q, heads, maps, points, 2)."""
        places = places[:, :, None, None, None]
        if places.shape[-1] == 4:
            return places[..., :2] + steps * places[..., 2:] * (0.5 / self.points)
        size = np.array([(w, h) for h, w in self.grids], "float32")[:, None]
        return places + steps / ops.convert_to_tensor(size, "float32")

    def _neighbours(self, at, places: int):
        """The four pixels around each point and their shares: (batch, Q, heads, maps, points, 4).

        Args:
            at: (batch, Q, heads, maps, points, 2). places: of all maps.
        """
        sizes = np.array(self.grids, "int32")
        starts = np.cumsum([0, *(h * w for h, w in self.grids)])
        if starts[-1] != places:
            raise ValueError(f"{places} places for maps of {self.grids}: expected {starts[-1]}")
        wide, high = (sizes[:, axis].reshape(-1, 1, 1) for axis in (1, 0))
        x, y = at[..., 0:1] * ops.cast(wide, "float32"), at[..., 1:2] * ops.cast(high, "float32")
        left, top = ops.floor(x - 0.5), ops.floor(y - 0.5)
        columns = left + ops.convert_to_tensor([0.0, 1.0, 0.0, 1.0])
        rows = top + ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
        shares = (1 - ops.abs(x - 0.5 - columns)) * (1 - ops.abs(y - 0.5 - rows))
        last_column, last_row = (ops.cast(size - 1, "float32") for size in (wide, high))
        clipped = ops.clip(columns, 0.0, last_column), ops.clip(rows, 0.0, last_row)
        inside = ops.logical_and(ops.equal(clipped[0], columns), ops.equal(clipped[1], rows))
        column, row = (ops.cast(x, "int32") for x in clipped)
        first = ops.convert_to_tensor(starts[:-1].reshape(-1, 1, 1), "int32")
        indices = row * ops.convert_to_tensor(wide, "int32") + column + first
        return indices, ops.where(inside, shares, 0.0)

    def macs(self) -> int:
        """Multiply-accumulates of the means for one image."""
        steps, channels = self.input[1].shape, self.input[0].shape[-1]
        return (steps[1] or 1) * 4 * len(self.grids) * self.points * channels

    def compute_output_shape(self, input_shape):
        return (*input_shape[1][:2], input_shape[0][-1])

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "points": self.points,
            "grids": self.grids,
        }


@_register
class Rays(keras.initializers.Initializer):
    """Steps in as many directions as heads, the n-th point n steps away: appendix A.2.

    Args:
        num_heads, maps, points: as of `DeformableAttention`.
    """

    def __init__(self, num_heads, maps, points):
        self.num_heads, self.maps, self.points = num_heads, maps, points

    def __call__(self, shape, dtype=None):
        angles = np.arange(self.num_heads) * (2 * math.pi / self.num_heads)
        rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        rays = rays / np.abs(rays).max(axis=-1, keepdims=True)
        steps = np.arange(1, self.points + 1)[None, None, :, None]
        rays = np.broadcast_to(
            rays[:, None, None] * steps, (self.num_heads, self.maps, self.points, 2)
        )
        return ops.convert_to_tensor(rays.reshape(shape), dtype or "float32")

    def get_config(self):
        return {"num_heads": self.num_heads, "maps": self.maps, "points": self.points}


def deformable_attention(
    query, memory, places, nn: Blocks, *, num_heads: int, points: int, grids, name: str
):
    """`<name>_value`, `_steps`, `_weights`, `name`, `<name>_project`.

    Args:
        query: (batch, Q, channels), which knows where it is. memory: (batch, places, channels).
        places, points, grids: as of `DeformableAttention`; None where the queries are the places.
    """
    heads = {"num_heads": num_heads, "points": points}
    count = num_heads * len(grids) * points
    value = nn.dense(memory, memory.shape[-1], name=f"{name}_value")
    zeros = {"kernel_initializer": initializer("zeros")}
    rays = Rays(maps=len(grids), **heads)
    steps = keras.layers.Dense(2 * count, bias_initializer=rays, name=f"{name}_steps", **zeros)
    weights = keras.layers.Dense(count, name=f"{name}_weights", **zeros)
    said = [value, steps(query), weights(query)]
    said += [] if places is None else [places]
    x = DeformableAttention(**heads, grids=grids, name=name)(said)
    return nn.dense(x, query.shape[-1], name=f"{name}_project")
