"""Queries that are places of maps: the surest ones, and the boxes around them that get better.

Sources: Deformable DETR (Zhu et al., 2020, arXiv:2010.04159), appendix A.3 and A.4 (two stages and
refinement), and RT-DETR (Zhao et al., 2023, arXiv:2304.08069), section 4.3.
"""

import keras
import numpy as np
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")
SIZE = 0.05  # of a box on the finest map, as a share of the image; twice that on the next
MARGIN = 0.01  # a box whose middle is nearer to the edge stands for nothing
SMALLEST = 1e-5  # share of which there is still a logarithm


def place_boxes(grids) -> tuple[np.ndarray, np.ndarray]:
    """A box around every place of maps, as middle and size in shares of the image.

    Args:
        grids: (rows, columns) of the maps, the finest first.

    Returns:
        float32 (places, 4), and bool (places, 1): whether it counts.
    """
    boxes = []
    for level, (rows, columns) in enumerate(grids):
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) + 0.5
        size = np.full(len(x), SIZE * 2**level)
        boxes.append(np.stack([x / columns, y / rows, size, size], axis=1))
    boxes = np.concatenate(boxes)
    counts = ((boxes > MARGIN) & (boxes < 1 - MARGIN)).all(axis=1, keepdims=True)
    return boxes.astype("float32"), counts


class _OfPlaces(keras.layers.Layer):
    """What depends on the boxes of `place_boxes`; input and output are (batch, places, n)."""

    def __init__(self, grids, **kwargs):
        super().__init__(**kwargs)
        self.grids = tuple(map(tuple, grids))
        self.boxes, self.counts = place_boxes(self.grids)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"grids": self.grids}


@_register
class ClearEdges(_OfPlaces):
    """Zeros for the places whose boxes do not count.

    Args:
        grids: (rows, columns) of the maps, the finest first.
    """

    def call(self, inputs):
        return inputs * ops.convert_to_tensor(self.counts, self.compute_dtype)


@_register
class AroundPlaces(_OfPlaces):
    """Adds the logits of each place's own box, so that zero says that one; float32.

    Args:
        grids: (rows, columns) of the maps, the finest first.
    """

    def __init__(self, grids, **kwargs):
        super().__init__(grids, **{"dtype": "float32", **kwargs})
        safe = np.clip(self.boxes.astype("float64"), MARGIN, 1 - MARGIN)
        # What does not count is all of the image, and beyond every correction.
        logits = np.where(self.counts, np.log(safe / (1 - safe)), np.finfo("float32").max)
        self.logits = logits.astype("float32")

    def call(self, inputs):
        return inputs + ops.convert_to_tensor(self.logits, self.compute_dtype)


@_register
class SurestPlaces(keras.layers.Layer):
    """The numbers of the places whose best class is most likely: (batch, places, classes) -> int32
    (batch, count), the surest first.

    Args:
        count: how many.
    """

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs):
        return ops.cast(ops.top_k(ops.max(inputs, axis=-1), self.count)[1], "int32")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], self.count), "int32")

    def get_config(self):
        return super().get_config() | {"count": self.count}


@_register
class TakePlaces(keras.layers.Layer):
    """Rows by their numbers: (batch, places, n) and int32 (batch, count) -> (batch, count, n)."""

    def call(self, inputs):
        rows, numbers = inputs
        return ops.take_along_axis(rows, numbers[..., None], axis=1)

    def compute_output_spec(self, inputs):
        rows, numbers = inputs
        shape = (rows.shape[0], numbers.shape[1], rows.shape[2])
        return keras.KerasTensor(shape, self.compute_dtype)


@_register
class Detach(keras.layers.Layer):
    """Its input, to which no gradient passes."""

    def call(self, inputs):
        return ops.stop_gradient(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, self.compute_dtype)


@_register
class RefineBoxes(keras.layers.Layer):
    """A correction of a box: [logits, shares], each (batch, Q, 4), -> logits, float32."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, inputs):
        logits, shares = inputs
        shares = ops.clip(shares, 0.0, 1.0)
        much, little = (ops.maximum(x, SMALLEST) for x in (shares, 1 - shares))
        return logits + ops.log(much / little)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, self.compute_dtype)
