import numpy as np
import pytest
from sklearn import metrics

from kapps.errors import KappsError
from kapps.tasks import scoring

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.dirichlet(np.ones(7), 200).astype("float32")
LABELS = RANDOM.integers(0, 7, 200)


@pytest.mark.parametrize("top", [1, 3, 5, 7])
def test_accuracy_equals_scikit_learn(top):
    expected = metrics.top_k_accuracy_score(LABELS, ROWS, k=top, labels=range(7))
    assert scoring.accuracy(ROWS, LABELS, top) == pytest.approx(expected)


def test_loss_and_confusion_equal_scikit_learn():
    expected = metrics.log_loss(LABELS, ROWS, labels=range(7))
    assert scoring.cross_entropy(ROWS, LABELS) == pytest.approx(expected, rel=1e-5)
    expected = metrics.confusion_matrix(LABELS, ROWS.argmax(1), labels=range(7))
    np.testing.assert_array_equal(scoring.confusion(ROWS, LABELS), expected)


def test_equal_probabilities_do_not_make_everything_right():
    rows = np.full((4, 10), 0.1, "float32")
    assert scoring.accuracy(rows, np.array([0, 1, 5, 9]), top=1) == 0.25
    assert scoring.accuracy(rows, np.array([0, 1, 5, 9]), top=2) == 0.5


def test_answers_that_are_no_numbers_are_not_right():
    rows = np.array([[0.2, 0.8], [np.nan, np.nan]], "float32")
    batches = [(np.zeros((2, 1)), np.zeros(2, int))]
    for answers in (rows, {"scores": rows}):
        with pytest.raises(KappsError, match="answers NaN to 1 of 2 pictures"):
            scoring.predict_batches(lambda _, answers=answers: answers, batches, 2)


def test_a_shorter_last_batch_is_padded_and_left_out_again():
    sizes = []

    def predict(images):
        sizes.append(len(images))
        return images.reshape(len(images), -1)

    images = np.arange(11 * 4).reshape(11, 2, 2, 1)
    batches = [(images[i : i + 4], np.arange(i, min(i + 4, 11))) for i in (0, 4, 8)]
    rows, labels = scoring.predict_batches(predict, batches, 4)
    assert sizes == [4, 4, 4]
    np.testing.assert_array_equal(rows, images.reshape(11, 4))
    np.testing.assert_array_equal(labels, np.arange(11))


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="no images"):
        scoring.predict_batches(lambda images: images, [], 4)


def test_calibration_error_of_a_worked_example():
    """Four answers in two of ten bins: 0.95 (both right) and 0.55 (one of two)."""
    rows = np.array([[0.95, 0.05], [0.05, 0.95], [0.55, 0.45], [0.55, 0.45]])
    labels = np.array([0, 1, 0, 1])
    bins = scoring.reliability(rows, labels, 10)
    assert bins[9] == (2, pytest.approx(0.95), 1.0) and bins[5] == (2, pytest.approx(0.55), 0.5)
    assert sum(count for count, _, _ in bins) == 4
    expected = 2 / 4 * abs(1.0 - 0.95) + 2 / 4 * abs(0.5 - 0.55)  # equation 3 of Guo et al.
    assert scoring.calibration_error(rows, labels, 10) == pytest.approx(expected)


def test_a_certainty_on_the_edge_of_a_bin_belongs_to_the_lower_one():
    """Bins are ((m - 1) / M, m / M], as the paper has them; a certainty of 1 is in the last."""
    rows = np.array([[0.5, 0.5], [1.0, 0.0]])
    counts = [count for count, _, _ in scoring.reliability(rows, np.array([0, 0]), 10)]
    assert counts == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
