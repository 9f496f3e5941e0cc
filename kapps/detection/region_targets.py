"""What there is within regions: masks and joints, as targets and losses of Mask R-CNN.

Source: Mask R-CNN (He et al., 2017, arXiv:1703.06870), sections 3 and 5.
"""

from keras import ops

from kapps.detection import losses

SAMPLING = 2  # points of a cell along each side, as of `kapps.layers.RoIAlign`


def cut_masks(masks, boxes, regions, side: int):
    """The parts of masks that are in regions, as RoI align with `aligned=True` cuts them.

    torchvision cuts them half a pixel further to the right and below, as its RoI align is not.

    Args:
        masks: (batch, R, S, S), 1 where the thing is, of what is in its box.
        boxes: (batch, R, 4), of the masks. regions: (batch, R, 4).
        side: rows and columns of the result.

    Returns:
        (batch, R, side, side) float32 in [0, 1], 0 outside of the box; without gradients.
    """
    boxes, regions = (ops.cast(x, "float32") for x in (boxes, regions))
    rows, columns = (
        _shares(boxes[..., i], boxes[..., i + 2], regions[..., i], regions[..., i + 2], side, cells)
        for i, cells in ((1, masks.shape[-2]), (0, masks.shape[-1]))
    )
    found = ops.matmul(ops.matmul(rows, ops.cast(masks, "float32")), ops.swapaxes(columns, -2, -1))
    return ops.stop_gradient(found)


def _shares(start, end, first, last, side: int, cells: int):
    """(batch, R, side, cells): how much of each cell of a mask is in each of the result, by axis.

    Args:
        start, end: of the box. first, last: of the region; (batch, R) in pixels.
    """
    points = side * SAMPLING
    place = (ops.arange(points, dtype="float32") + 0.5) / points
    place = first[..., None] + place * (last - first)[..., None]
    extent = ops.maximum(end - start, 1e-6)[..., None]
    place = (place - start[..., None]) / extent * cells - 0.5
    away = ops.abs(place[..., None] - ops.arange(cells, dtype="float32"))
    linear = ops.maximum(1.0 - away, 0.0)
    shape = (-1, first.shape[1], side, SAMPLING, cells)
    return ops.mean(ops.reshape(linear, shape), axis=-2)


def mask_loss(logits, labels, targets):
    """The mean cross entropy of the masks of the regions' own classes: a scalar.

    Section 3: other classes' masks do not count, so that they need not compete.

    Args:
        logits: (batch, R, height, width, columns).
        labels: (batch, R), columns of the logits; a region with 0 or less has no truth.
        targets: (batch, R, height, width) in [0, 1], see `cut_masks`.
    """
    there = ops.cast(labels > 0, "float32")
    column = ops.cast(ops.maximum(labels, 0), "int32")[..., None, None, None]
    own = ops.take_along_axis(logits, column, axis=-1)[..., 0]
    each = ops.mean(losses.sigmoid_cross_entropy(own, targets), axis=(-2, -1))
    return losses.total(each, there)


def joint_cells(points, regions, side: int):
    """The cell of each joint in a region that is cut into side x side.

    Args:
        points: (batch, R, joints, 3), x and y in pixels, and 0 for what is unknown.
        regions: (batch, R, 4).

    Returns:
        (batch, R, joints) int32, row by row; -1 for what is unknown or outside.
    """
    regions = ops.cast(regions, "float32")[:, :, None]
    corner, extent = regions[..., :2], ops.maximum(regions[..., 2:] - regions[..., :2], 1e-6)
    places = ops.floor((points[..., :2] - corner) / extent * side)
    # The right and the lower edge belong to the last cell.
    places = ops.where(ops.equal(points[..., :2], regions[..., 2:]), float(side - 1), places)
    inside = ops.all(ops.logical_and(places >= 0, places < side), axis=-1)
    there = ops.logical_and(inside, points[..., 2] > 0)
    cell = ops.where(there, places[..., 1] * side + places[..., 0], -1.0)
    return ops.stop_gradient(ops.cast(cell, "int32"))


def joint_loss(heatmaps, cells):
    """The mean cross entropy of the place of each joint among all of a region's: a scalar.

    Section 5: the target has one cell alone.

    Args:
        heatmaps: (batch, R, side, side, joints), logits.
        cells: (batch, R, joints), see `joint_cells`; below 0 where nobody knows.
    """
    side, joints = heatmaps.shape[-2], heatmaps.shape[-1]
    logits = ops.reshape(heatmaps, (-1, heatmaps.shape[1], side * side, joints))
    said = ops.log_softmax(ops.cast(logits, "float32"), axis=2)
    index = ops.maximum(cells, 0)[:, :, None]
    each = -ops.take_along_axis(said, index, axis=2)[:, :, 0]
    return losses.total(each, cells >= 0)
