"""Samples of anchors: how many, and which."""

import keras
import numpy as np
import pytest

from kapps.detection.matching import Matches
from kapps.detection.sampling import balanced, hard_negatives

pytestmark = pytest.mark.contract


def matches(text):
    """Anchors of images: + positive, . background, ? ignored."""
    rows = np.array([list(row) for row in text])
    positive, ignored = rows == "+", rows == "?"
    zeros = np.zeros(rows.shape)
    return Matches(*map(keras.ops.convert_to_tensor, (zeros, positive, ignored, zeros)))


def test_the_negatives_that_cost_most():
    found = matches(["+..?....", "........", "++......"])
    costs = np.float32(
        [[9, 1, 5, 9, 4, 3, 2, 0], [1, 2, 3, 4, 5, 6, 7, 8], [9, 9, 1, 2, 3, 4, 5, 6]]
    )
    got = keras.ops.convert_to_numpy(hard_negatives(keras.ops.convert_to_tensor(costs), found))
    assert [np.flatnonzero(row).tolist() for row in got] == [[2, 4, 5], [], [2, 3, 4, 5, 6, 7]]
    got = hard_negatives(keras.ops.convert_to_tensor(costs), found, ratio=1, least=2)
    got = keras.ops.convert_to_numpy(got)
    assert [np.flatnonzero(row).tolist() for row in got] == [[2, 4], [6, 7], [6, 7]]


def test_a_balanced_sample():
    found = matches(
        ["+" * 10 + "." * 20 + "?" * 10, "+" * 2 + "." * 38, "+" * 20 + "." * 2 + "?" * 18]
    )
    draws = []
    for seed in range(20):
        positive, negative = balanced(found, 12, 0.5, seed)
        positive, negative = map(keras.ops.convert_to_numpy, (positive, negative))
        assert positive.sum(1).tolist() == [6, 2, 6]
        assert negative.sum(1).tolist() == [6, 10, 2]
        assert not (positive & ~keras.ops.convert_to_numpy(found.positive)).any()
        assert not negative[0, :10].any() and not negative[0, 30:].any()
        draws.append(positive[0, :10])
    # Each of ten is drawn with probability 0.6: all are at times and not at others.
    assert np.min(np.mean(draws, 0)) > 0 and np.max(np.mean(draws, 0)) < 1
