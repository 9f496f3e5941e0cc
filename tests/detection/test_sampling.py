"""Samples of anchors: how many, and which."""

import numpy as np
import pytest

from kapps.detection.matching import Matches
from kapps.detection.sampling import balanced, hard_negatives
from tests.detection.compiled import call

pytestmark = pytest.mark.contract


def matches(text):
    """Anchors of images: + positive, . background, ? ignored."""
    rows = np.array([list(row) for row in text])
    positive, ignored = rows == "+", rows == "?"
    zeros = np.zeros(rows.shape)
    return Matches(zeros, positive, ignored, zeros)


def negatives(costs, found, **settings):
    def function(costs, *rows):
        return hard_negatives(costs, Matches(*rows), **settings)

    return call(function, costs, *found)


def test_the_negatives_that_cost_most():
    found = matches(["+..?....", "........", "++......"])
    costs = np.float32(
        [[9, 1, 5, 9, 4, 3, 2, 0], [1, 2, 3, 4, 5, 6, 7, 8], [9, 9, 1, 2, 3, 4, 5, 6]]
    )
    got = negatives(costs, found)
    assert [np.flatnonzero(row).tolist() for row in got] == [[2, 4, 5], [], [2, 3, 4, 5, 6, 7]]
    got = negatives(costs, found, ratio=1, least=2)
    assert [np.flatnonzero(row).tolist() for row in got] == [[2, 4], [6, 7], [6, 7]]


def test_a_balanced_sample():
    kinds = ["+" * 10 + "." * 20 + "?" * 10, "+" * 2 + "." * 38, "+" * 20 + "." * 2 + "?" * 18]
    found = matches(kinds * 30)

    def chosen(*rows):
        return balanced(Matches(*rows), 12, 0.5, seed=3)

    positive, negative = call(chosen, *found)
    assert positive.sum(1).tolist() == [6, 2, 6] * 30
    assert negative.sum(1).tolist() == [6, 10, 2] * 30
    assert not (positive & ~found.positive).any()
    assert not (negative & (found.positive | found.ignored)).any()
    # Each of ten is drawn with probability 0.6: all are at times and not at others.
    shares = positive[::3, :10].mean(0)
    assert shares.min() > 0 and shares.max() < 1
