"""Matchers of YOLO with anchors against loops over their rules."""

import numpy as np
import pytest

from kapps.detection.anchors import CellAnchors, grids
from kapps.detection.priors import match_by_prior, match_by_ratio
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

SHAPES = (((10, 13), (16, 30)), ((30, 24), (40, 60)))
LAYOUT = CellAnchors(SHAPES, (8, 16)).lay((64, 64), grids((64, 64), (8, 16)))
BOXES = np.array(
    [[[3.1, 4.7, 30.3, 41.9], [21.2, 11.4, 59.8, 57.1], [0] * 4, [22.7, 19.2, 33.4, 33.9]]],
    "float32",
)
CLASSES = np.array([[1, 0, -1, 2]])
ARRAYS = LAYOUT.boxes, LAYOUT.strides, BOXES, CLASSES
# Number of each anchor -> (column, row, form, level).
PLACES = [
    (column, row, form, level)
    for level, side in enumerate((8, 4))
    for row in range(side)
    for column in range(side)
    for form in range(2)
]


def alike(box, shape):
    width, height = box[2:] - box[:2]
    both = min(width, shape[0]) * min(height, shape[1])
    return both / (width * height + shape[0] * shape[1] - both)


def middle(box, level):
    """In cells of the level."""
    return (box[:2] + box[2:]) / 2 / (8, 16)[level]


def found(matches):
    truths, positive = matches[:2]
    return {PLACES[i]: int(truths[0, i]) for i in np.flatnonzero(positive[0])}


def test_one_anchor_of_the_most_similar_shape():
    expected = {}
    for n in (0, 1, 3):
        form, level = max(
            ((form, level) for level in range(2) for form in range(2)),
            key=lambda x: alike(BOXES[0, n], SHAPES[x[1]][x[0]]),
        )
        column, row = map(int, middle(BOXES[0, n], level))
        expected[column, row, form, level] = n
    assert found(call(match_by_prior, *ARRAYS)) == expected


def test_what_overlaps_a_truth_without_being_its_own_is_no_background():
    predicted = np.zeros((1, len(PLACES), 4), "float32")
    predicted[0, 5] = BOXES[0, 0] + [1, 0, 0, 0]
    predicted[0, 6] = BOXES[0, 0] + [14, 0, 0, 0]
    matches = call(match_by_prior, *ARRAYS, predicted)
    assert np.flatnonzero(matches.ignored).tolist() == [5]


def test_all_anchors_of_nearly_the_shape_in_three_cells():
    expected = {}
    for level, side in enumerate((8, 4)):
        for form, shape in enumerate(SHAPES[level]):
            for n in (0, 1, 3):
                ratios = (BOXES[0, n, 2:] - BOXES[0, n, :2]) / shape
                if max(*ratios, *(1 / ratios)) >= 2:
                    continue
                x, y = middle(BOXES[0, n], level)
                cells = {(int(x), int(y))}
                # YOLOv5: a neighbour where the middle is in that half of the cell.
                cells.add((int(x) + (1 if x % 1 > 0.5 else -1), int(y)))
                cells.add((int(x), int(y) + (1 if y % 1 > 0.5 else -1)))
                for column, row in cells:
                    if 0 <= column < side and 0 <= row < side:
                        key = column, row, form, level
                        value = alike(BOXES[0, n], shape)
                        if key not in expected or value > expected[key][0]:
                            expected[key] = value, n
    got = found(call(match_by_ratio, *ARRAYS, most=2.0))
    assert got == {key: n for key, (_, n) in expected.items()}
    assert len(set(got.values())) == 3
