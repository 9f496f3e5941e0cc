"""Signs of trouble in the numbers of the epochs."""

import pytest

from kapps.training import watching


def rows(losses, judged):
    return [
        {"stage": "head", "epoch": i, "loss": a, "val_loss": b}
        for i, (a, b) in enumerate(zip(losses, judged, strict=True), 1)
    ]


def test_a_head_that_learns_by_heart_is_told_once_it_shows():
    found = rows([1.0, 0.8, 0.6, 0.4, 0.2], [1.0, 0.5, 0.52, 0.54, 0.56])
    assert watching.overfitting(found[:4]) is None
    text = watching.overfitting(found)
    assert "val_loss was 0.5000 after head 2 and is 0.5600 now" in text and "patience=3" in text


@pytest.mark.parametrize(
    ("losses", "judged"),
    [
        ([1.0, 0.8, 0.7, 0.6, 0.5], [1.0, 0.9, 0.8, 0.7, 0.6]),  # learns
        ([1.0, 0.8, 0.9, 1.5, 3.0], [1.0, 0.5, 0.6, 0.9, 2.0]),  # diverges
        ([1.0, 0.8, 0.6, 0.4, 0.2], [1.0, 0.5, 0.51, 0.52, 0.53]),  # as good as before
    ],
)
def test_other_courses_are_not_overfitting(losses, judged):
    assert watching.overfitting(rows(losses, judged)) is None


def test_without_pictures_to_judge_by_nothing_is_said():
    assert watching.overfitting([{"stage": "train", "epoch": 1, "loss": 1.0}]) is None
