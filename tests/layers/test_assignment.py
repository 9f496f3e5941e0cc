"""DETR's matching: the cheapest of all assignments, also in a compiled step."""

import itertools

import keras
import numpy as np

from kapps.detection.optimal import assign, matches_of, matching_costs
from kapps.layers import OptimalAssignment

COSTS = np.random.default_rng(3).uniform(size=(3, 4, 6)).astype("float32")
CLASSES = np.array([[1, 0, 2, 1], [1, -1, 2, -1], [-1] * 4])


def cheapest(costs, classes):
    """All assignments of an image tried, as {truth: query}."""
    truths = np.flatnonzero(classes >= 0)
    tries = itertools.permutations(range(costs.shape[1]), len(truths))
    best = min(tries, key=lambda queries: costs[truths, list(queries)].sum())
    return dict(zip(truths.tolist(), best, strict=True))


def test_it_is_the_cheapest():
    got = assign(COSTS, CLASSES)
    for image in range(3):
        found = {n: int(q) for n, q in enumerate(got[image]) if q >= 0}
        assert found == cheapest(COSTS[image], CLASSES[image])


def test_more_truths_than_queries_and_costs_that_are_no_numbers():
    costs = COSTS.transpose(0, 2, 1)[:1].copy()
    costs[0, 0] = np.nan
    got = assign(costs, np.zeros((1, 6), int))
    assert sorted(got[0][got[0] >= 0].tolist()) == [0, 1, 2, 3]
    assert got[0, 0] == -1


def test_a_compiled_model_asks_the_host():
    costs, classes = keras.Input((4, 6)), keras.Input((4,), dtype="int32")
    model = keras.Model([costs, classes], OptimalAssignment()([costs, classes]))
    assert model.output_shape == (None, 4)
    got = model.predict([COSTS, CLASSES], verbose=0, batch_size=2)
    np.testing.assert_array_equal(got, assign(COSTS, CLASSES))


def test_costs_are_those_of_the_paper():
    predicted = np.float32([[[10, 10, 50, 40], [0, 0, 30, 30], [20, 30, 60, 90]]])
    boxes = np.float32([[[12, 8, 48, 44], [0, 0, 0, 0]]])
    classes = np.array([[1, -1]])
    shares = np.random.default_rng(0).uniform(size=(1, 3, 2)).astype("float32")
    arrays = map(keras.ops.convert_to_tensor, (-shares, predicted, boxes, classes))
    got = keras.ops.convert_to_numpy(matching_costs(*arrays, size=(100, 200)))
    # Centre (30, 25) and size (40, 30) against (30, 26) and (36, 36), as shares of 200 and 100.
    distance = 0 / 200 + 1 / 100 + 4 / 200 + 6 / 100
    giou = 0.746045232  # torchvision's, of these boxes
    assert got.shape == (1, 2, 3)
    np.testing.assert_allclose(got[0, 0, 0], -shares[0, 0, 1] + 5 * distance - 2 * giou, rtol=1e-4)


def test_queries_learn_their_truths():
    queries = keras.ops.convert_to_tensor(np.array([[2, -1, 0]]))
    matches = matches_of(queries, 4)
    assert keras.ops.convert_to_numpy(matches.truths).tolist() == [[2, 0, 0, 0]]
    assert keras.ops.convert_to_numpy(matches.positive).tolist() == [[True, False, True, False]]
