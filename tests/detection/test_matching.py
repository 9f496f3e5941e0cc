"""Matchers by overlap against torchvision 0.28's Matcher and SSDMatcher."""

import numpy as np
import pytest

from kapps.detection.matching import gather, match_by_iou, match_for_ssd, targets
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

ANCHORS = np.array([
    [48, 5, 57, 50], [10, 14, 45, 46], [10, 48, 28, 75], [52, 34, 67, 74], [2, 5, 29, 14],
    [19, 25, 37, 62], [37, 28, 66, 51], [15, 9, 33, 20], [41, 44, 74, 79], [1, 6, 30, 53],
    [27, 23, 73, 39], [53, 31, 86, 65], [25, 25, 43, 45], [39, 35, 67, 74], [10, 44, 30, 82],
    [45, 57, 80, 74], [47, 17, 71, 59], [19, 38, 62, 73], [39, 41, 47, 77], [52, 17, 69, 59],
    [56, 0, 102, 26], [4, 58, 52, 97], [56, 17, 77, 61], [8, 18, 32, 30],
], "float32")  # fmt: skip
TRUTHS = [[35, 50, 51, 87], [39, 23, 80, 43], [54, 28, 88, 72], [23, 8, 37, 27]]
# Two images: those truths between padding, and none.
BOXES = np.array([[*TRUTHS[:2], [0] * 4, *TRUTHS[2:]], [[0] * 4] * 5], "float32")
CLASSES = np.array([[7, 8, -1, 9, 6], [-1] * 5])
PLACE = {0: 0, 1: 1, 2: 3, 3: 4, -1: -1, -2: -2}  # of torchvision's numbers in BOXES

# Matcher(0.5, 0.4), Matcher(0.7, 0.3, True), SSDMatcher(0.5): -1 is background, -2 ignored.
PLAIN = [-1] * 10 + [1, 2] + [-1] * 10 + [-2, -1]
LOW = [-1, -1, -1, -2, -1, -1, -2, 3, -1, -1, 1, 2, -1, -1, -1, -1, -2, -1, 0, -1, -1, -1, -2, -1]
SSD = [-1] * 7 + [3, -1, -1, 1, 2] + [-1] * 6 + [0] + [-1] * 5


@pytest.mark.parametrize(
    ("expected", "match"),
    [
        (PLAIN, lambda *args: match_by_iou(*args, 0.5, 0.4)),
        (LOW, lambda *args: match_by_iou(*args, 0.7, 0.3, low_quality=True)),
        (SSD, lambda *args: match_for_ssd(*args, 0.5)),
    ],
    ids=["plain", "low", "ssd"],
)
def test_matches_are_torchvision_s(expected, match):
    arrays = ANCHORS, BOXES, CLASSES
    truths, positive, ignored, quality = call(match, *arrays)
    expected = np.array([PLACE[number] for number in expected])
    got = np.where(positive, truths, np.where(ignored, -2, -1))
    np.testing.assert_array_equal(got[0], expected)
    np.testing.assert_array_equal(got[1], -1)
    assert not truths[~positive].any() and not quality[~positive].any()
    assert (quality[positive] > 0).all() and (quality <= 1).all()


def test_each_image_may_have_anchors_of_its_own():
    own = np.stack([ANCHORS, ANCHORS[::-1]])
    boxes, classes = np.stack([BOXES[0]] * 2), np.stack([CLASSES[0]] * 2)
    got = call(match_by_iou, own, boxes, classes, 0.5, 0.4).positive
    np.testing.assert_array_equal(got[0], got[1][::-1])
    assert got.sum() == 4


def test_of_two_truths_with_one_best_anchor_the_last_gets_it():
    anchors = np.array([[0, 0, 10, 10], [90, 90, 99, 99]], "float32")
    boxes = np.array([[[0, 0, 10, 9], [0, 0, 8, 8], [0, 0, 0, 0]]], "float32")
    classes = np.array([[3, 5, -1]])
    matches = call(match_for_ssd, anchors, boxes, classes)
    assert matches.truths.tolist() == [[1, 0]]
    np.testing.assert_allclose(matches.quality, [[0.64, 0]], rtol=1e-6)


def test_anchors_get_what_their_truths_have():
    def learnt(anchors, boxes, classes):
        matches = match_by_iou(anchors, boxes, classes, 0.5, 0.4)
        hot = [targets(classes, 10, matches, soft=soft) for soft in (False, True)]
        return matches.quality, gather(boxes, matches), gather(classes, matches, -1), *hot

    quality, boxes, classes, hot, soft = call(learnt, ANCHORS, BOXES, CLASSES)
    assert boxes.shape == (2, 24, 4)
    np.testing.assert_array_equal(boxes[0, [10, 11]], BOXES[0, [1, 3]])
    assert np.count_nonzero(boxes.any(-1)) == 2
    assert classes[0, [0, 10, 11, 22]].tolist() == [-1, 8, 9, -1]
    assert np.argwhere(hot).tolist() == [[0, 10, 8], [0, 11, 9]]
    assert soft[0, 10, 8] == quality[0, 10]
    assert 0.5 < soft[0, 10, 8] < 1


def test_thresholds_must_make_sense():
    with pytest.raises(ValueError, match=r"high=0.4, low=0.5: expected 0 <= low <= high <= 1"):
        match_by_iou(ANCHORS, BOXES, CLASSES, 0.4, 0.5)
