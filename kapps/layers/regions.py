"""Regions of maps at one size, whatever the boxes: RoI align and RoI pooling.

Both take maps and boxes and give (batch, regions, height, width, channels), or (batch, regions,
channels, height, width) for "channels_first". Boxes are in pixels of the input, those of padding
give what they give: the caller masks them.
"""

import math

import keras
from keras import ops

from kapps.layers import kernels

_POWERS = 14  # maps have fewer than 2**14 pixels along a side
_register = keras.saving.register_keras_serializable(package="kapps")


class _Regions(keras.layers.Layer):
    """What the layers below share."""

    def __init__(self, size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.data_format = data_format or keras.config.image_data_format()

    def _last(self, x):
        """A map with its channels last."""
        return x if self.data_format == "channels_last" else ops.transpose(x, (0, 2, 3, 1))

    def _turned(self, x):
        """Regions in the layout of the layer."""
        return x if self.data_format == "channels_last" else ops.transpose(x, (0, 1, 4, 2, 3))

    def compute_output_spec(self, inputs):
        maps, boxes = inputs
        first = maps[0] if isinstance(maps, list | tuple) else maps
        channels = first.shape[-1 if self.data_format == "channels_last" else 1]
        inner = (*self.size, channels)
        if self.data_format != "channels_last":
            inner = (channels, *self.size)
        return keras.KerasTensor((*boxes.shape[:2], *inner), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"size": list(self.size), "data_format": self.data_format}


@_register
class RoIAlign(_Regions):
    """The mean of points in each cell of a region, each interpolated between four pixels.

    Sources: Mask R-CNN (He et al., 2017, arXiv:1703.06870), section 3; of several maps a box takes
    the one that suits its size, Feature Pyramid Networks (Lin et al., 2017, arXiv:1612.03144),
    equation 1. Numbers are those of torchvision's `roi_align` and `MultiScaleRoIAlign`.

    Args:
        size: (height, width) of a region in cells, or one number.
        strides: pixels of the input for each pixel of the maps, one number for each map.
        sampling: points of a cell along each side.
        aligned: whether the middle of a map's first pixel is at half a pixel, where it is, or at
            0, as in the first code of the paper and in torchvision's detectors.
        outside: what a point more than a pixel outside of the map counts: "zero", as in the
            compiled operator of torchvision, or "edge", the nearest pixel, as in its Python one. Of
            boxes inside the image only those narrower than a pixel of the map have such points.
        canonical_size, canonical_level: a box of this side in pixels takes the map whose stride is
            2**canonical_level.
        data_format: "channels_last" or "channels_first". Height and width of maps are static.

    Call arguments:
        inputs: [maps, boxes], a list of maps, finest first, and (batch, regions, 4).
    """

    def __init__(
        self,
        size,
        strides,
        sampling=2,
        aligned=False,
        outside="zero",
        canonical_size=224,
        canonical_level=4,
        data_format=None,
        **kwargs,
    ):
        super().__init__(size, data_format, **kwargs)
        self.strides = (strides,) if isinstance(strides, int) else tuple(strides)
        if sampling < 1:
            raise ValueError(
                f"sampling={sampling!r}: expected points of a cell along each side, at least 1"
            )
        if outside not in ("zero", "edge"):
            raise ValueError(f"outside={outside!r}: expected 'zero' or 'edge'")
        self.sampling, self.aligned, self.outside = sampling, aligned, outside
        self.canonical_size, self.canonical_level = canonical_size, canonical_level

    def call(self, inputs):
        maps, boxes = inputs
        maps = list(maps) if isinstance(maps, list | tuple) else [maps]
        if len(maps) != len(self.strides):
            raise ValueError(
                f"{len(maps)} maps and strides={self.strides}: expected a stride for each map"
            )
        maps = [self._last(x) for x in maps]
        boxes = ops.cast(boxes, "float32")
        channels = maps[0].shape[-1]
        # All maps of all images in one table of pixels, so that one look-up serves every level.
        table = ops.concatenate(
            [ops.reshape(x, (-1, x.shape[1] * x.shape[2], channels)) for x in maps], axis=1
        )
        pixels = table.shape[1]
        height, width, start, scale = self._levels(maps, boxes)
        edges = boxes * scale[..., None] - (0.5 if self.aligned else 0.0)
        rows = self._points(edges[..., 1], edges[..., 3], height, self.size[0])
        columns = self._points(edges[..., 0], edges[..., 2], width, self.size[1])
        batch = ops.shape(boxes)[0]
        base = start + ops.arange(batch, dtype="int32")[:, None] * pixels
        rows = [(base[..., None] + y * width[..., None], share) for y, share in rows]
        shares = [
            (row[..., :, None] + x[..., None, :], of_y[..., :, None] * of_x[..., None, :])
            for row, of_y in rows
            for x, of_x in columns
        ]
        return self._turned(_summed_rows(ops.reshape(table, (-1, channels)), shares))

    def _levels(self, maps, boxes):
        """(height, width, first pixel, pixels of the map for one of the input) for each box."""
        sides = [(x.shape[1], x.shape[2]) for x in maps]
        starts = [sum(h * w for h, w in sides[:i]) for i in range(len(sides))]
        rows = [(h, w, start) for (h, w), start in zip(sides, starts, strict=True)]
        level = self._level(boxes)
        table = ops.take(ops.convert_to_tensor(rows, "int32"), level, axis=0)
        scales = ops.convert_to_tensor([1 / stride for stride in self.strides], "float32")
        return (*(table[..., i] for i in range(3)), ops.take(scales, level, axis=0))

    def _level(self, boxes):
        """(batch, regions) int32: which map each box takes."""
        area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        side = ops.sqrt(ops.maximum(area, 1e-12))
        level = ops.floor(self.canonical_level + ops.log2(side / self.canonical_size) + 1e-6)
        first, last = (round(math.log2(stride)) for stride in (self.strides[0], self.strides[-1]))
        return ops.cast(ops.clip(level, first, last) - first, "int32")

    def _points(self, start, end, length, cells):
        """The pixels whose weighted sum each cell is, along an axis.

        Args:
            start, end: (batch, regions), in pixels of the map.
            length: (batch, regions) int32, pixels of the map.
            cells: of the region along this axis.

        Returns:
            Pairs of (batch, regions, cells), int32 and float32: the pixel before and the one behind
            each cell's first point, then of its second and so on, and their weights. A point more
            than a pixel outside of the map has none, unless `outside` is "edge".
        """
        extent = end - start
        extent = extent if self.aligned else ops.maximum(extent, 1.0)
        last = ops.cast(length, "float32")[..., None] - 1
        found = []
        for point in range(self.sampling):
            place = (ops.arange(cells, dtype="float32") + (point + 0.5) / self.sampling) / cells
            place = start[..., None] + place * extent[..., None]
            weight = 1.0 / self.sampling
            if self.outside == "zero":
                there = ops.logical_and(place >= -1, place <= last + 1)
                weight = weight * ops.cast(there, "float32")
            place = ops.clip(place, 0.0, last)
            low = ops.floor(place)
            share = place - low
            high = ops.cast(ops.minimum(low + 1, last), "int32")
            found += [(ops.cast(low, "int32"), (1 - share) * weight), (high, share * weight)]
        return found

    def get_config(self):
        names = ("sampling", "aligned", "outside", "canonical_size", "canonical_level")
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | own | {"strides": list(self.strides)}


@_register
class RoIPool(_Regions):
    """The maximum of each cell of a region, whose edges are rounded to pixels of the map.

    Source: Fast R-CNN (Girshick, 2015, arXiv:1504.08083), section 2.1, with the rounding of its
    code, which torchvision's `roi_pool` has. The maximum over any rectangle is that of four, whose
    sides are powers of two: a table of those is made once, and each cell looks up four.

    Args:
        size: (height, width) of a region in cells, or one number.
        stride: pixels of the input for each pixel of the map.
        data_format: "channels_last" or "channels_first". Height and width of the map are static.

    Call arguments:
        inputs: [map, boxes], boxes of (batch, regions, 4), which are cut off at the map's edges.
    """

    def __init__(self, size, stride, data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)
        self.stride = stride

    def call(self, inputs):
        x, boxes = inputs
        x = self._last(x)
        height, width, channels = x.shape[1:]
        edges = ops.floor(ops.cast(boxes, "float32") / self.stride + 0.5)
        top, bottom = _cells(edges[..., 1], edges[..., 3], height, self.size[0])
        left, right = _cells(edges[..., 0], edges[..., 2], width, self.size[1])
        tables, wide = self._tables(x)
        batch = ops.shape(boxes)[0]
        kind_y, side_y = _power(bottom - top)
        kind_x, side_x = _power(right - left)
        kind = kind_y[..., :, None] * wide + kind_x[..., None, :]
        image = kind * batch + ops.arange(batch, dtype="int32")[:, None, None, None]
        found = None
        for y in (top, bottom - side_y):
            for column in (left, right - side_x):
                # An empty cell looks at some pixel, and is set to 0 below.
                y, column = ops.clip(y, 0, height - 1), ops.clip(column, 0, width - 1)
                index = (image * height + y[..., :, None]) * width + column[..., None, :]
                values = ops.take(tables, index, axis=0)
                found = values if found is None else ops.maximum(found, values)
        empty = ops.logical_or((bottom <= top)[..., :, None], (right <= left)[..., None, :])
        return self._turned(ops.where(empty[..., None], ops.zeros_like(found), found))

    def _tables(self, x):
        """(kinds * batch * height * width, channels): maxima of windows that begin at each pixel.

        A kind is (a, b), a window of 2**a rows and 2**b columns; its number is a * wide + b.
        """
        rows, columns = (
            [k for k in range(_POWERS) if 2**k <= -(-(side + 1) // cells) + 1]
            for side, cells in zip(x.shape[1:3], self.size, strict=True)
        )
        tables = []
        for a in rows:
            x = x if a == 0 else _doubled(x, 1, 2 ** (a - 1))
            wider = x
            for b in columns:
                wider = wider if b == 0 else _doubled(wider, 2, 2 ** (b - 1))
                tables.append(wider)
        return ops.reshape(ops.stack(tables), (-1, x.shape[-1])), len(columns)

    def get_config(self):
        return super().get_config() | {"stride": self.stride}


def _summed_rows(table, shares):
    """The sum over `shares`, pairs of indices and weights of one shape, of weighted rows.

    One after the other: to look up all points of all regions takes as much memory, many times that
    of the sum.
    """
    kernel = kernels.find("summed_rows")
    total = None if kernel is None else kernel(table, shares)
    if total is not None:
        return total
    for index, weight in shares:
        values = ops.take(table, index, axis=0)
        values = values * ops.cast(weight, values.dtype)[..., None]
        total = values if total is None else total + values
    return total


def _doubled(x, axis, by):
    """The maximum of each window and the one that begins `by` pixels after it.

    At the end, where there is none, a window is what remains of it.
    """
    by = min(by, x.shape[axis])
    later = x[(slice(None),) * axis + (slice(by, None),)]
    last = x[(slice(None),) * axis + (slice(x.shape[axis] - by, None),)]
    return ops.maximum(x, ops.concatenate([later, last], axis=axis))


def _cells(start, end, length, cells):
    """First pixel of each cell along an axis, and the one behind its last: int32.

    In whole numbers: XLA divides by a constant through its inverse, and 7 / 7 is then below 1.
    """
    start, end = (ops.cast(ops.clip(x, 0, length), "int32") for x in (start, end))
    extent = ops.maximum(end - start + 1, 1)[..., None]
    number = ops.arange(cells, dtype="int32")
    first = number * extent // cells + start[..., None]
    behind = ((number + 1) * extent + cells - 1) // cells + start[..., None]
    return tuple(ops.clip(x, 0, length) for x in (first, behind))


def _power(sides):
    """(k, 2**k), the highest power of two that is not more than each side, int32; 0 for none."""
    kind = ops.zeros_like(sides)
    for k in range(1, _POWERS):
        kind = kind + ops.cast(sides >= 2**k, "int32")
    return kind, ops.take(ops.convert_to_tensor([2**k for k in range(_POWERS)], "int32"), kind)
