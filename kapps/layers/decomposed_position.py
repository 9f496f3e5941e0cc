"""Attention that learns what each query makes of rows and of columns between it and a key."""

import keras
import numpy as np
from keras import ops

from kapps.layers.attention import Attention
from kapps.layers.initializers import initializer
from kapps.layers.resampling import resample_line


@keras.saving.register_keras_serializable(package="kapps")
class DecomposedAttention(Attention):
    """Adds to each product that of the query with a learnt vector for the rows between it and the
    key, and with one for the columns.

    Source: MViTv2 (Li et al., 2021, arXiv:2112.01526), equation 5, as in ViTDet and SAM. A query
    has few different sums, one for each row and one for each column of the grid. They stand behind
    its channels, and an indicator of row and column behind those of the key: the product of both
    is the scaled product with its sums, and no (tokens, tokens) table is ever there.

    Args:
        height, width: of the grid of tokens, or of a window of it.
    """

    adapts = {"row_table": "adapted_rows", "column_table": "adapted_columns"}

    def __init__(self, num_heads, height, width, **kwargs):
        super().__init__(num_heads, **kwargs)
        self.height, self.width = height, width

    def build(self, input_shape):
        channels = input_shape[-1] // (3 * self.num_heads)
        self.row_table, self.column_table = (
            self.add_weight(
                shape=(2 * side - 1, channels), initializer=initializer("zeros"), name=name
            )
            for side, name in ((self.height, "row_table"), (self.width, "column_table"))
        )

    def positioned(self, query, key):
        height, width, heads = self.height, self.width, self.num_heads
        channels = query.shape[-1]
        x = ops.reshape(query, (-1, height, width, channels))
        rows = ops.matmul(x, self._vectors(self.row_table, height, query.dtype))
        x = ops.transpose(x, (0, 2, 1, 3))
        columns = ops.matmul(x, self._vectors(self.column_table, width, query.dtype))
        columns = ops.transpose(columns, (0, 2, 1, 3))
        sums = ops.concatenate([rows, columns], axis=-1)
        sums = ops.reshape(sums, (-1, heads, height * width, height + width))
        # What stands behind the query is not to be scaled.
        query = ops.concatenate([query, sums / self._factor(channels)], axis=-1)
        places = ops.cast(self._places(), key.dtype)
        places = ops.broadcast_to(places, (ops.shape(key)[0], heads, *places.shape))
        return query, ops.concatenate([key, places], axis=-1)

    def _vectors(self, table, side, dtype):
        """(side, channels, side): for each place of a query those of all places of keys."""
        place = np.arange(side)
        index = place[:, None] - place[None] + side - 1
        vectors = ops.reshape(ops.take(table, index.ravel(), axis=0), (side, side, -1))
        return ops.cast(ops.transpose(vectors, (0, 2, 1)), dtype)

    def _places(self) -> np.ndarray:
        """(tokens, height + width): which row and which column a token is in."""
        y, x = (axis.ravel() for axis in np.mgrid[: self.height, : self.width])
        return np.concatenate([np.eye(self.height)[y], np.eye(self.width)[x]], axis=1).astype("f4")

    def adapted_rows(self, array):
        """A table for the rows of another grid, for this one."""
        return resample_line(array, 2 * self.height - 1)

    def adapted_columns(self, array):
        """A table for the columns of another grid, for this one."""
        return resample_line(array, 2 * self.width - 1)

    def macs(self) -> int:
        """Those of attention, and of the queries with the vectors of rows and columns."""
        rows, tokens, channels = self.output.shape
        return super().macs() + (rows or 1) * tokens * (self.height + self.width) * channels

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
        }
