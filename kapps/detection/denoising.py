"""Queries that begin as noised truths and must find these again: nobody has to match them.

A group has two queries for each truth: first those whose edges moved by less than half of the box,
which say its class and box, then as many that moved by more, which say that there is nothing. There
are as many groups as queries are asked for, by the picture of a batch that has most truths; the
number of rows is always the same, and those that are left over teach nothing.

Source: DINO (Zhang et al., 2022, arXiv:2203.03605), section 3.3, after DN-DETR (Li et al., 2022,
arXiv:2203.01305). How a batch is laid out is RT-DETR's code.
"""

from typing import NamedTuple

import keras
from keras import ops

from kapps.detection.boxes import to_centres, to_corners
from kapps.detection.matching import Matches

CHANCES = 10  # numbers by which a query is noised: another class, which, four signs, four distances


class Layout(NamedTuple):
    """What each of D rows of queries stands for, the same for all pictures of a batch.

    Attributes:
        truths: (D,) int32, the number of its truth.
        groups: (D,) int32, its group, from 0 on.
        negative: (D,) bool, whether it moved too far.
        used: (D,) bool; the others are left over.
        count: scalar int32, of groups that are used.
    """

    truths: object
    groups: object
    negative: object
    used: object
    count: object


def lay_out(labels, queries: int) -> Layout:
    """The layout of a batch.

    Args:
        labels: (batch, N) int, -1 for padding.
        queries: how many with a truth there shall be; a single group may have more.
    """
    places = labels.shape[1]
    numbers = ops.arange(1, places + 1, dtype="int32")
    most = ops.max(ops.where(labels >= 0, numbers, 0))
    size = ops.maximum(most, 1)
    count = ops.maximum(queries // size, 1)
    row = ops.arange(2 * max(queries, places), dtype="int32")
    inside = row % (2 * size)
    groups = row // (2 * size)
    used = ops.logical_and(groups < count, most > 0)
    return Layout(inside % size, groups, inside >= size, used, count)


def hidden(layout: Layout, queries: int):
    """Which query may not look at which: (D + queries, D + queries) bool.

    A group sees itself and the matched queries, which come behind all groups and see one another.
    """
    matched = ops.full((queries,), -1, dtype="int32")
    group = ops.concatenate([layout.groups, matched])
    return ops.logical_and(group[None] >= 0, ops.not_equal(group[:, None], group[None]))


def chances(labels, layout: Layout, seed):
    """Numbers in [0, 1) for `noised`: (batch, D, CHANCES) float32.

    Args:
        labels: (batch, N). seed: a `keras.random.SeedGenerator` or a whole number.
    """
    shape = (ops.shape(labels)[0], layout.truths.shape[0], CHANCES)
    return keras.random.uniform(shape, 0.0, 1.0, dtype="float32", seed=seed)


def noised(boxes, labels, layout: Layout, chance, classes: int, label_noise=0.5, box_noise=1.0):
    """What the queries begin as.

    Args:
        boxes: (batch, N, 4), middle and size as shares of the input.
        labels: (batch, N) int, -1 for padding.
        chance: as `chances` draws it.
        classes: that there are.
        label_noise: half of this share gets a class by chance, which may be its own.
        box_noise: how far an edge moves at most, of positives, in halves of the box.

    Returns:
        (labels (batch, D) int32 with -1 for padding, boxes (batch, D, 4) as shares).
    """
    labels = ops.cast(ops.take(labels, layout.truths, axis=1), "int32")
    there = labels >= 0
    boxes = ops.where(there[..., None], ops.take(boxes, layout.truths, axis=1), 0.0)
    another = ops.logical_and(there, chance[..., 0] < label_noise / 2)
    labels = ops.where(another, ops.cast(chance[..., 1] * classes, "int32"), labels)
    signs = ops.where(chance[..., 2:6] < 0.5, -1.0, 1.0)
    far = chance[..., 6:] + ops.cast(layout.negative, "float32")[:, None]
    halves = ops.tile(boxes[..., 2:], (1, 1, 2)) / 2
    corners = to_corners(boxes) + box_noise * signs * far * halves
    return labels, to_centres(ops.clip(corners, 0.0, 1.0))


def matches(labels, layout: Layout) -> Matches:
    """Which truth each query must find: (batch, D); those that are left over are ignored."""
    there = ops.take(labels, layout.truths, axis=1) >= 0
    learns = ops.logical_and(layout.used, ops.logical_not(layout.negative))
    positive = ops.logical_and(there, learns)
    ignored = ops.broadcast_to(ops.logical_not(layout.used), ops.shape(positive))
    truths = ops.where(positive, layout.truths, 0)
    return Matches(truths, positive, ignored, ops.cast(positive, "float32"))
