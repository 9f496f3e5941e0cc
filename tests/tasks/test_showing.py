"""What a report shows of a classifier's answers."""

import json

import numpy as np
import pytest

from kapps.tasks import findings, scoring, showing
from kapps.tasks.findings import Curve, Matrix, Samples, Table

NAMES = ["cat", "dog", "owl"]
ANSWERS = np.array(
    [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.4, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], "float32"
)
LABELS = np.array([0, 0, 0, 1, 1])


def of_kind(kind, found):
    return [one for one in found if isinstance(one, kind)]


def test_counts_pairs_and_the_surest_mistakes():
    found = showing.of_classes(ANSWERS, LABELS, NAMES)
    (matrix,) = of_kind(Matrix, found)
    assert matrix.counts == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    pairs, hardest = of_kind(Table, found)
    assert pairs.rows == [("cat", "dog", 1, "33.3%"), ("dog", "owl", 1, "50.0%")]
    assert [row[0] for row in hardest.rows] == ["dog", "cat"]  # no owl was there
    worst, close = of_kind(Samples, found)
    assert [sample.index for sample in worst.samples] == [4, 1]  # sure by 0.9 and 0.7
    assert worst.samples[0].caption == "owl 90%, is dog" and not worst.samples[0].right
    assert [sample.index for sample in close.samples] == [2, 3, 0]


def test_a_matrix_of_very_many_classes_is_left_to_the_pairs():
    answers = np.eye(100, dtype="float32")
    found = showing.of_classes(answers, np.arange(100), [str(i) for i in range(100)])
    assert not of_kind(Matrix, found)
    assert not [one for one in found if one.title in ("Most confused", "Worst answers")]


def test_certainty_that_can_be_believed_is_on_the_line():
    sure = np.repeat([0.6, 0.8, 1.0], 10)
    right = np.concatenate([np.arange(10) < 6, np.arange(10) < 8, np.arange(10) < 10])
    answers = np.stack([sure, 1 - sure], axis=1)
    (curve,) = of_kind(Curve, showing.of_classes(answers, np.where(right, 0, 1), NAMES[:2]))
    np.testing.assert_allclose(curve.lines["answers"], [(0.6, 0.6), (0.8, 0.8), (1.0, 1.0)])


def test_a_temperature_takes_back_what_a_model_is_too_sure_of():
    """Answers of logits twice as large as those that the labels were drawn by."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)) * 2
    sums = scoring.softmax(logits).cumsum(axis=1)
    labels = (random.random((4000, 1)) > sums[:, :2]).sum(axis=1)
    answers = scoring.softmax(2 * logits)
    assert scoring.temperature(answers, labels) == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(scoring.cooled(answers, 2), scoring.softmax(logits), atol=1e-3)
    (curve,) = of_kind(Curve, showing.of_classes(answers, labels, NAMES))
    assert len(curve.lines) == 2 and "temperature of T = 2.0" in curve.text
    far = {name: np.abs(np.diff(np.array(points))).mean() for name, points in curve.lines.items()}
    assert far[list(far)[1]] < far["answers"] / 2


def test_findings_come_back_from_json():
    found = showing.of_classes(ANSWERS, LABELS, NAMES)
    text = json.dumps(findings.to_plain(found))
    again = findings.from_plain(json.loads(text) + [{"kind": "OfALaterVersion", "title": "t"}])
    assert json.dumps(findings.to_plain(again)) == text
    assert [type(one) for one in again] == [type(one) for one in found]
