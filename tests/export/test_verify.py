import numpy as np
import pytest

from kapps.export import verify
from kapps.export.images import Images
from kapps.export.masks import Masks

EXPECTED = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]], "float32")


def images(labels=None):
    pixels = np.zeros((4, 2, 2, 3), "uint8")
    return Images(pixels, None if labels is None else np.array(labels), "four")


def moved(by, row=2):
    found = EXPECTED.copy()
    found[row, 0] += by
    return found


def test_numbers_by_hand():
    result = verify.compare(EXPECTED, moved(0.2), images([0, 1, 2, 1]))
    assert result.max_difference == pytest.approx(0.2)
    assert result.mean_difference == pytest.approx(0.2 / 12)
    assert result.relative_difference == pytest.approx(0.25)
    assert result.agreement == 0.75
    assert (result.keras_top1, result.exported_top1) == (1.0, 0.75)
    assert result.drop == pytest.approx(25)


def test_accuracy_that_falls_is_a_failure_and_one_that_rises_is_not():
    fell = verify.compare(EXPECTED, moved(0.2), images([0, 1, 2, 1]))
    assert "fell from 100.0 % to 75.0 %" in verify.failure(fell, "int8", 2.0)
    assert verify.failure(fell, "int8", 25.0) is None
    rose = verify.compare(EXPECTED, moved(0.2), images([0, 1, 0, 1]))
    assert verify.failure(rose, "int8", 0.0) is None


def test_without_labels_changed_answers_count():
    result = verify.compare(EXPECTED, moved(0.2), images())
    assert "25 % of the answers changed" in verify.failure(result, "dynamic_int8", 2.0)
    assert verify.failure(result, "dynamic_int8", 5.0) is None


@pytest.mark.parametrize(
    ("mode", "by", "fine"),
    [
        ("float32", 5e-4, True),
        ("float32", 5e-3, False),
        ("float16", 5e-3, True),
        ("float16", 5e-2, False),
    ],
)
def test_float_files_must_be_equal(mode, by, fine):
    result = verify.compare(EXPECTED, moved(-by, row=0), images())
    assert (verify.failure(result, mode, 100.0) is None) == fine


def test_a_half_precision_model_is_judged_by_its_own_precision():
    result = verify.compare(EXPECTED, moved(-5e-3, row=0), images())
    assert verify.failure(result, "float32", 2.0, "float16") is None


def test_nan_is_a_failure():
    result = verify.compare(EXPECTED, moved(np.nan), images())
    assert "NaN" in verify.failure(result, "int8", 100.0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="against"):
        verify.compare(EXPECTED, EXPECTED[:, :2], images())


def test_masks_are_judged_by_their_overlap():
    truth = np.array([[[0, 1], [1, 255]]], "uint8")
    expected = np.eye(2, dtype="float32")[[[[0, 1], [1, 0]]]]
    found = np.eye(2, dtype="float32")[[[[0, 1], [0, 0]]]]
    images = Images(np.zeros((1, 2, 2, 3), "uint8"), truth, "here")
    result = Masks({}).compare(expected, found, images)
    assert (result.agreement, result.metric) == (0.75, "miou")
    assert (result.keras_top1, result.exported_top1) == (1.0, 0.5)
    assert "mean IoU fell from 100.0 % to 50.0 %" in verify.failure(result, "int8", 2.0)
