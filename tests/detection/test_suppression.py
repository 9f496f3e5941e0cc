"""Suppression against loops that follow the papers' pseudo-code."""

import keras
import numpy as np
import pytest

from kapps.detection import host, suppression
from kapps.detection.rules import Suppression
from kapps.detection.suppression import suppress
from kapps.layers import NonMaxSuppression
from tests.detection.compiled import call


def overlap(a, b):
    """Intersection over union of two boxes, by hand."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def greedy(boxes, scores, threshold, iou, weaken=None, agnostic=False):
    """Figure 2 of Bodla et al. (2017) for one image, over (score, class, box number)."""
    left = [
        [scores[i, c], c, i]
        for i in range(len(boxes))
        for c in range(scores.shape[1])
        if scores[i, c] > threshold
    ]
    found = []
    while left:
        best = max(left, key=lambda row: row[0])
        left.remove(best)
        if best[0] <= threshold:
            break
        found.append(best)
        for row in left:
            if agnostic or row[1] == best[1]:
                both = overlap(boxes[row[2]], boxes[best[2]])
                row[0] *= weaken(both) if weaken else float(both <= iou)
    return found


@pytest.fixture(scope="module")
def crowd():
    """Boxes (2, 40, 4) of which many overlap, and scores (2, 40, 3)."""
    rng = np.random.default_rng(5)
    corners, sizes = rng.uniform(0, 60, (2, 40, 2)), rng.uniform(10, 40, (2, 40, 2))
    boxes = np.concatenate([corners, corners + sizes], axis=-1).astype("float32")
    return boxes, rng.uniform(0, 1, (2, 40, 3)).astype("float32")


def check(got, expected, boxes):
    """Detections of one image are those rows (score, class, number), and then there are none."""
    for image, rows in enumerate(expected):
        most = got["scores"].shape[1]
        rows = rows[:most]
        assert got["count"][image] == len(rows)
        padded = [c for _, c, _ in rows] + [-1] * (most - len(rows))
        np.testing.assert_array_equal(got["classes"][image], padded)
        numbers = [i for _, _, i in rows]
        np.testing.assert_array_equal(got["anchors"][image][: len(rows)], numbers)
        np.testing.assert_allclose(
            got["scores"][image][: len(rows)], [s for s, _, _ in rows], rtol=1e-5
        )
        np.testing.assert_array_equal(got["boxes"][image][: len(rows)], boxes[image][numbers])
        assert not got["boxes"][image][len(rows) :].any()


@pytest.mark.contract
@pytest.mark.parametrize(
    ("method", "weaken"),
    [
        ("hard", None),
        ("linear", lambda both: 1 - both if both > 0.3 else 1),
        ("gaussian", lambda both: np.exp(-(both**2) / 0.5)),
    ],
)
def test_the_best_is_taken_again_and_again(crowd, method, weaken):
    rule = Suppression(threshold=0.2, iou=0.3, max_detections=25, method=method)
    got = call(suppress, *crowd, rule)
    expected = [greedy(b, s, 0.2, 0.3, weaken) for b, s in zip(*crowd, strict=True)]
    check(got, expected, crowd[0])


@pytest.mark.parametrize("most", [5, 40])
def test_other_classes_stay_unless_the_rule_is_agnostic(crowd, most):
    rule = Suppression(threshold=0.1, iou=0.2, max_detections=most, agnostic=True)
    got = call(suppress, *crowd, rule)
    expected = [greedy(b, s, 0.1, 0.2, agnostic=True) for b, s in zip(*crowd, strict=True)]
    check(got, expected, crowd[0])


@pytest.mark.contract
@pytest.mark.parametrize("most", [9, 120])
def test_many_boxes_are_looked_at_in_chunks(crowd, most, monkeypatch):
    for module in (suppression, host):
        monkeypatch.setattr(module, "CHUNK", 16)
    rule = Suppression(threshold=0.1, iou=0.5, max_detections=most)
    expected = [greedy(b, s, 0.1, 0.5) for b, s in zip(*crowd, strict=True)]
    assert min(map(len, expected)) > 32
    check(call(suppress, *crowd, rule), expected, crowd[0])
    check(host.suppress_on_host(*crowd, rule), expected, crowd[0])


def test_a_box_may_be_of_its_best_class_alone(crowd):
    boxes, scores = crowd
    only = np.where(scores == scores.max(-1, keepdims=True), scores, 0)
    rule = Suppression(0.1, 0.4, 30, best_class=True)
    got = call(suppress, boxes, scores, rule)
    check(got, [greedy(b, s, 0.1, 0.4) for b, s in zip(boxes, only, strict=True)], boxes)


@pytest.mark.parametrize(("candidates_of", "levels"), [("class", None), ("level", (25, 15))])
def test_candidates_are_the_best_of_each_class_or_level(crowd, candidates_of, levels):
    boxes, scores = crowd
    few = np.zeros_like(scores)
    for image in range(2):
        if candidates_of == "class":
            for c in range(3):
                best = np.argsort(-scores[image, :, c])[:6]
                few[image, best, c] = scores[image, best, c]
        else:
            for part in (slice(0, 25), slice(25, 40)):
                least = np.sort(scores[image, part].ravel())[-6]
                few[image, part] = np.where(scores[image, part] >= least, scores[image, part], 0)
    rule = Suppression(0.1, 0.4, 30, candidates=6, candidates_of=candidates_of)
    got = call(suppress, *crowd, rule, levels)
    check(got, [greedy(b, s, 0.1, 0.4) for b, s in zip(boxes, few, strict=True)], boxes)


def test_each_class_may_have_boxes_of_its_own(crowd):
    boxes, scores = crowd
    own = boxes[:, :, None] + np.array([0, 100, 200], "float32")[:, None]
    got = call(suppress, own, scores, Suppression(0.3, 0.4))
    expected = greedy(boxes[0], scores[0], 0.3, 0.4)
    boxes_of = got["boxes"][0][: len(expected)]
    np.testing.assert_array_equal(boxes_of, [own[0, i, c] for _, c, i in expected])


@pytest.mark.contract
def test_matrix_suppression_is_the_paper_s_formula(crowd):
    boxes, scores = crowd
    rule = Suppression(0.05, max_detections=20, method="matrix", sigma=2.0, agnostic=True)
    got = call(suppress, boxes, scores[..., :1], rule)
    for image in range(2):
        order = np.argsort(-scores[image, :, 0])
        b, s = boxes[image][order], scores[image, order, 0]
        expected = []
        for j in range(40):
            decay = 1.0
            for i in range(j):
                hidden = max([overlap(b[k], b[i]) for k in range(i)], default=0)
                # Equation 4 with f(iou) = exp(-sigma iou^2), as the authors' code has it.
                decay = min(decay, np.exp(-2 * overlap(b[i], b[j]) ** 2) / np.exp(-2 * hidden**2))
            expected.append(s[j] * decay)
        best = sorted((x for x in expected if x > 0.05), reverse=True)[:20]
        values = got["scores"][image]
        np.testing.assert_allclose(values[: len(best)], best, rtol=1e-5)
        assert not values[len(best) :].any()


@pytest.mark.contract
def test_what_is_no_number_or_empty_is_no_detection():
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 0, 0], [4, 4, 8, 8]]], "float32")
    scores = np.array([[[np.nan], [0.9], [0.05]]], "float32")
    got = call(suppress, boxes, scores, Suppression(max_detections=4))
    assert got["count"].tolist() == [1]
    assert got["classes"].tolist() == [[0, -1, -1, -1]]
    assert got["anchors"].tolist() == [[1, -1, -1, -1]]
    np.testing.assert_allclose(got["scores"], [[0.9, 0, 0, 0]], rtol=1e-6)


@pytest.mark.contract
def test_the_layer_is_saved_with_its_rule(crowd, tmp_path):
    boxes, scores = keras.Input((40, 4)), keras.Input((40, 3))
    layer = NonMaxSuppression(0.2, 0.3, 7, candidates=9, candidates_of="level", levels=(30, 10))
    model = keras.Model([boxes, scores], layer({"boxes": boxes, "scores": scores}))
    expected = model(list(crowd))
    assert tuple(expected["boxes"].shape) == (2, 7, 4)
    assert model.output["boxes"].shape == (None, 7, 4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    got = again.predict(list(crowd), verbose=0)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "soft"}, "method='soft': expected one of hard"),
        ({"threshold": 1.5}, r"threshold=1.5: expected a number in \[0, 1\]"),
        ({"max_detections": 0}, "max_detections=0: expected a whole number"),
        ({"candidates_of": "class", "best_class": True}, "has no effect; drop one"),
    ],
)
def test_a_rule_that_cannot_be_is_said(settings, words):
    with pytest.raises(ValueError, match=words):
        Suppression(**settings)


def test_levels_must_add_up(crowd):
    with pytest.raises(ValueError, match=r"levels=\(3, 4\) with 40 boxes"):
        suppress(*crowd, Suppression(candidates_of="level"), (3, 4))


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, None),
        ({"method": "linear", "candidates": 9, "candidates_of": "class"}, None),
        ({"method": "gaussian", "candidates": 9, "candidates_of": "level"}, (30, 10)),
        ({"method": "gaussian", "agnostic": True}, None),
        ({"method": "matrix"}, None),
        ({"best_class": True, "max_detections": 5}, None),
    ],
)
def test_the_host_says_the_same(crowd, settings, levels):
    rule = Suppression(0.2, 0.4, **{"max_detections": 15, **settings})
    expected = call(suppress, *crowd, rule, levels)
    got = host.suppress_on_host(*crowd, rule, levels)
    assert got["count"].min() > 3
    for name, value in expected.items():
        assert got[name].dtype == value.dtype
        np.testing.assert_allclose(got[name], value, rtol=1e-5)
