"""Losses against their papers' formulas, written out in numpy; focal loss is torchvision's too."""

import numpy as np
import pytest

from kapps.detection import areas, losses
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

LOGITS = np.array([-3, -0.5, 0, 0.7, 4], "float32")
P = 1 / (1 + np.exp(-LOGITS.astype("float64")))
ONES = np.array([1, 0, 1, 0, 1], "float32")
SOFT = np.array([0.2, 0, 0.9, 0, 0.5], "float32")


def entropy(y):
    return -(y * np.log(P) + (1 - y) * np.log(1 - P))


def test_focal():
    # torchvision.ops.sigmoid_focal_loss(LOGITS, ONES, reduction="none")
    there = [0.69157011, 0.05068012, 0.0433217, 0.36940866, 1.46789e-6]
    values = call(losses.sigmoid_focal, LOGITS, ONES)
    np.testing.assert_allclose(values, there, rtol=1e-4)
    pt = np.where(ONES, P, 1 - P)
    plain = call(losses.sigmoid_focal, LOGITS, ONES, alpha=None, gamma=1.5)
    np.testing.assert_allclose(plain, -((1 - pt) ** 1.5) * np.log(pt), rtol=1e-5)


def test_quality_and_varifocal():
    quality = call(losses.quality_focal, LOGITS, SOFT)
    np.testing.assert_allclose(quality, np.abs(SOFT - P) ** 2 * entropy(SOFT), rtol=1e-5)
    weight = np.where(SOFT > 0, SOFT, 0.75 * P**2)
    values = call(losses.varifocal, LOGITS, SOFT)
    np.testing.assert_allclose(values, weight * entropy(SOFT), rtol=1e-5)


def test_distributions():
    logits = np.array([[0.1, 0.5, -1, 2], [0.3, 0, 1, -0.2], [1, 2, 3, 4]], "float32")
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = [-0.75 * logs[0, 1] - 0.25 * logs[0, 2], -logs[1, 2], -logs[2, 3]]
    distances = np.array([1.25, 2, 9], "float32")
    values = call(losses.distribution_focal, logits, distances)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_smooth_distance():
    values = call(losses.smooth_l1, np.float32([0, 1, 5]), np.float32([0.2, -1, 5]), beta=0.5)
    np.testing.assert_allclose(values, [0.04, 1.75, 0], rtol=1e-6)
    values = call(losses.smooth_l1, np.float32([0, 1]), np.float32([0.2, -1]), beta=0)
    np.testing.assert_allclose(values, [0.2, 2], rtol=1e-6)


def test_boxes():
    """Two unit squares half over one another: 1/3 in common, and a hull of 1.5."""
    a, b = np.float32([[0, 0, 1, 1]]), np.float32([[0.5, 0, 1.5, 1]])
    np.testing.assert_allclose(call(losses.box_loss, a, b, kind="iou"), [2 / 3], rtol=1e-5)
    np.testing.assert_allclose(call(losses.box_loss, a, b), [2 / 3], rtol=1e-5)
    distance = 0.25 / (1.5**2 + 1)
    np.testing.assert_allclose(
        call(losses.box_loss, a, b, kind="diou"), [2 / 3 + distance], rtol=1e-5
    )
    with pytest.raises(ValueError, match="kind='hull': expected one of iou, giou"):
        losses.box_loss(a, b, "hull")


def test_centreness():
    distances = np.float32([[1, 2, 3, 4], [5, 5, 5, 5], [-1, 2, 3, 4]])
    values = call(losses.centreness, distances)
    np.testing.assert_allclose(values, [np.sqrt(1 / 3 * 1 / 2), 1, 0], rtol=1e-6)


def test_padding_adds_nothing():
    values = np.float32([[1, 2, 99], [3, 99, 99]])
    mask = np.array([[True, True, False], [True, False, False]])
    assert call(losses.total, values, mask) == pytest.approx(2)
    assert call(losses.total, values, mask, by=12) == pytest.approx(0.5)
    assert call(losses.total, values, np.zeros_like(mask), by=0) == 0


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([1, 1, 1], (2, 3, 4)).astype("float32")
    truth = rng.integers(0, 3, (2, 3, 4))
    return scores, truth, rng.uniform(size=(2, 3, 4)) < 0.7


def test_overlap_of_areas(maps):
    scores, truth, mask = maps
    hot = np.eye(3, dtype="float32")[truth]
    s, t, m = (x.astype("float64") for x in (scores, hot, mask[..., None]))
    both, found, missed = ((m * x).sum((1, 2)) for x in (s * t, s * (1 - t), (1 - s) * t))
    index = (both + 1) / (both + 0.3 * found + 0.7 * missed + 1)
    values = call(areas.tversky, scores, hot, mask, alpha=0.3, beta=0.7)
    np.testing.assert_allclose(values, 1 - index, rtol=1e-5)
    coefficient = 2 * (m * s * t).sum((1, 2)) / ((m * s).sum((1, 2)) + (m * t).sum((1, 2)))
    values = call(areas.dice, scores, hot, mask, smooth=0.0)
    np.testing.assert_allclose(values, 1 - coefficient, rtol=1e-5)


def jaccard_loss(truth, wrong):
    """1 - IoU of a class when the pixels of the set `wrong` are taken for the opposite."""
    found = truth ^ wrong
    return 1 - len(truth & found) / len(truth | found) if truth | found else 0.0


def extension(errors, truth):
    """Definition 1 of Berman et al. (2018) over the pixels."""
    order = sorted(range(len(errors)), key=lambda i: -errors[i])
    steps = [jaccard_loss(truth, set(order[:i])) for i in range(len(order) + 1)]
    return sum(
        max(errors[i], 0) * (b - a) for i, a, b in zip(order, steps[:-1], steps[1:], strict=True)
    )


@pytest.mark.parametrize("per_image", [False, True])
def test_lovasz_softmax_is_the_extension_of_the_jaccard_loss(maps, per_image):
    scores, truth, mask = maps
    parts = [(scores[i], truth[i], mask[i]) for i in range(2)] if per_image else [maps]
    expected = []
    for s, t, m in parts:
        s, t = s[m], t[m]
        of = [
            extension(np.abs((t == c) - s[:, c]), set(np.flatnonzero(t == c).tolist()))
            for c in range(3)
            if (t == c).any()
        ]
        expected.append(np.mean(of))
    value = call(areas.lovasz_softmax, scores, truth, mask, per_image=per_image)
    assert value == pytest.approx(np.mean(expected), rel=1e-5)
    void = np.where(mask, truth, -1)
    value = call(areas.lovasz_softmax, scores, void, per_image=per_image)
    assert value == pytest.approx(np.mean(expected), rel=1e-5)


def test_lovasz_softmax_of_hard_answers_is_one_less_mean_iou():
    truth, answer = np.array([[[0, 0, 1, 1, 2, 2]]]), np.array([[[0, 1, 1, 1, 2, 0]]])
    value = call(areas.lovasz_softmax, np.eye(4, dtype="float32")[answer], truth)
    assert value == pytest.approx(1 - np.mean([1 / 3, 2 / 3, 1 / 2]), rel=1e-5)


def test_lovasz_hinge(maps):
    _, truth, mask = maps
    logits = np.random.default_rng(4).normal(0, 2, truth.shape).astype("float32")
    ones = (truth == 1).astype("float32")
    expected = []
    for x, y, m in zip(logits, ones, mask, strict=True):
        x, y = x[m], y[m]
        expected.append(extension(1 - x * (2 * y - 1), set(np.flatnonzero(y).tolist())))
    value = call(areas.lovasz_hinge, logits, ones, mask)
    assert value == pytest.approx(np.mean(expected), rel=1e-5)
