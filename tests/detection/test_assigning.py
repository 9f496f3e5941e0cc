"""Matchers by centres and predictions against loops over the papers' algorithms."""

import numpy as np
import pytest

from kapps.detection import assigning
from kapps.detection.anchors import Points, grids
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

LAYOUT = Points((8, 16, 32)).lay((64, 64), grids((64, 64), (8, 16, 32)))
ANCHORS, COUNTS = LAYOUT.boxes, LAYOUT.counts
CENTRES = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2
LEVELS = np.split(np.arange(sum(COUNTS)), np.cumsum(COUNTS)[:-1])
# Off the grid, so that no two points are equally far; the third is padding.
BOXES = np.array(
    [[[3.1, 4.7, 30.3, 41.9], [20.2, 11.4, 59.8, 57.1], [0, 0, 0, 0], [22.7, 19.2, 39.4, 33.9]]],
    "float32",
)
CLASSES = np.array([[1, 0, -1, 2]])
REAL = (0, 1, 3)


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = np.clip(sides, 0, None).prod()
    return both / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both)


def within(point, box):
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


@pytest.fixture(scope="module")
def said():
    """Scores (1, 84, 3) and boxes (1, 84, 4) that a network might say: some of them good."""
    rng = np.random.default_rng(11)
    scores = rng.uniform(0.01, 0.99, (1, len(ANCHORS), 3)).astype("float32")
    near = BOXES[0, rng.choice(REAL, len(ANCHORS))] + rng.normal(0, 5, (len(ANCHORS), 4))
    corners = np.sort(near.reshape(-1, 2, 2), axis=1).reshape(1, -1, 4)
    return scores, corners.astype("float32")


def check(matches, expected):
    """Anchor -> truth, as `expected` has it; returns the qualities."""
    truths, positive, ignored, quality = matches
    got = {int(i): int(truths[0, i]) for i in np.flatnonzero(positive[0])}
    assert got == expected
    assert len(set(expected.values())) > 1, "the example says too little"
    assert not ignored.any() and not quality[~positive].any()
    return quality[0]


def test_statistics_are_those_of_atss():
    expected, best = {}, {}
    for n in REAL:
        box = BOXES[0, n]
        middle = (box[:2] + box[2:]) / 2
        near = [
            i
            for level in LEVELS
            for i in level[np.argsort(((CENTRES[level] - middle) ** 2).sum(1))[:3]]
        ]
        values = np.array([overlap(box, ANCHORS[i]) for i in near])
        for i, value in zip(near, values, strict=True):
            enough = value >= values.mean() + values.std(ddof=1)
            if enough and within(CENTRES[i], box) and value > best.get(i, 0):
                expected[int(i)], best[i] = n, value
    arrays = ANCHORS, COUNTS, BOXES, CLASSES
    quality = check(call(assigning.match_by_statistics, *arrays, nearest=3), expected)
    for i, value in best.items():
        assert quality[i] == pytest.approx(value, rel=1e-5)


def test_ranges_are_those_of_fcos():
    """torchvision's rule: within 1.5 strides of the middle, in the box, 4 to 8 strides large."""
    expected = {}
    for level, numbers in enumerate(LEVELS):
        stride = (8, 16, 32)[level]
        least, most = (0, 4 * stride, 4 * stride)[level], (8 * stride, 8 * stride, np.inf)[level]
        for i in numbers:
            found = []
            for n in REAL:
                box, (x, y) = BOXES[0, n], CENTRES[i]
                middle = (box[:2] + box[2:]) / 2
                farthest = max(x - box[0], y - box[1], box[2] - x, box[3] - y)
                near = np.abs(CENTRES[i] - middle).max() < 1.5 * stride
                if near and within((x, y), box) and least < farthest < most:
                    found.append(((box[2:] - box[:2]).prod(), n))
            if found:
                expected[int(i)] = min(found)[1]
    check(call(assigning.match_by_range, ANCHORS, COUNTS, BOXES, CLASSES), expected)


def test_costs_are_those_of_simota(said):
    scores, predicted = said
    strides = ANCHORS[:, 2] - ANCHORS[:, 0]
    near = {
        n: np.abs(CENTRES - (BOXES[0, n, :2] + BOXES[0, n, 2:]) / 2).max(1) < 1.5 * strides
        for n in REAL
    }
    candidates = np.flatnonzero(np.any(list(near.values()), axis=0))
    cost, chosen = {}, {}
    for n in REAL:
        values = {i: overlap(BOXES[0, n], predicted[0, i]) for i in candidates}
        hot = np.eye(3)[CLASSES[0, n]]
        for i in candidates:
            p = scores[0, i]
            entropy = -(hot * np.log(p) + (1 - hot) * np.log(1 - p)).sum()
            far = 0 if near[n][i] else 1e6
            cost[n, i] = entropy - 3 * np.log(values[i] + 1e-8) + far
        number = max(int(sum(sorted(values.values())[-10:])), 1)
        for i in sorted(candidates, key=lambda i: cost[n, i])[:number]:
            chosen.setdefault(int(i), []).append(n)
    expected = {
        i: rows[0] if len(rows) == 1 else min(REAL, key=lambda n: cost[n, i])
        for i, rows in chosen.items()
    }
    check(call(assigning.match_by_cost, ANCHORS, BOXES, CLASSES, scores, predicted), expected)


def test_alignments_are_those_of_tood(said):
    scores, predicted = said
    align, values, chosen = {}, {}, {}
    for n in REAL:
        inside = [i for i in range(len(ANCHORS)) if within(CENTRES[i], BOXES[0, n])]
        for i in inside:
            values[n, i] = overlap(BOXES[0, n], predicted[0, i])
            align[n, i] = scores[0, i, CLASSES[0, n]] * values[n, i] ** 6
        for i in sorted(inside, key=lambda i: -align[n, i])[:13]:
            if align[n, i] > 0:
                chosen.setdefault(i, []).append(n)
    expected = {
        i: rows[0] if len(rows) == 1 else max(REAL, key=lambda n: values.get((n, i), 0))
        for i, rows in chosen.items()
    }
    arrays = ANCHORS, BOXES, CLASSES, scores, predicted
    settings = {"most": 13, "alpha": 1.0, "beta": 6.0, "complete": False}
    quality = check(call(assigning.match_by_alignment, *arrays, **settings), expected)
    for n in REAL:
        mine = [i for i, truth in expected.items() if truth == n]
        top = max(align[n, i] for i in mine)
        best = max(values[n, i] for i in mine)
        for i in mine:
            assert quality[i] == pytest.approx(align[n, i] / top * best, rel=1e-4)


def test_an_image_without_truths_has_no_match(said):
    empty = np.zeros_like(BOXES), np.full_like(CLASSES, -1)
    for matches in (
        call(assigning.match_by_statistics, ANCHORS, COUNTS, *empty),
        call(assigning.match_by_range, ANCHORS, COUNTS, *empty),
        call(assigning.match_by_cost, ANCHORS, *empty, *said),
        call(assigning.match_by_alignment, ANCHORS, *empty, *said),
    ):
        assert not matches.positive.any()
        assert not matches.truths.any()
