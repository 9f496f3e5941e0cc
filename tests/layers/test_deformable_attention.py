"""Attention to points of maps against the sum of the paper, and the choice of queries."""

import keras
import numpy as np
import pytest
from keras import ops

from kapps.layers import (
    AroundPlaces,
    Blocks,
    ClearEdges,
    DeformableAttention,
    RefineBoxes,
    SurestPlaces,
    TakePlaces,
    deformable_attention,
)
from kapps.layers.deformable_attention import Rays

GRIDS, HEADS, POINTS, QUERIES, WIDTH = ((3, 5), (2, 2)), 2, 3, 4, 8
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(2, 19, WIDTH)).astype("float32")
STEPS = (3 * RNG.normal(size=(2, QUERIES, HEADS * 2 * POINTS * 2))).astype("float32")
LOGITS = RNG.normal(size=(2, QUERIES, HEADS * 2 * POINTS)).astype("float32")
BOXES = RNG.uniform(0.05, 0.95, size=(2, QUERIES, 4)).astype("float32")


def sample(plane, x, y):
    """A map (rows, columns, channels) at shares of its width and height, zero outside of it."""
    rows, columns, _ = plane.shape
    x, y = x * columns - 0.5, y * rows - 0.5
    found = 0.0
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= row < rows and 0 <= column < columns:
                found = found + (1 - abs(x - column)) * (1 - abs(y - row)) * plane[row, column]
    return found


def by_definition(places):
    """Equation 3 in loops."""
    steps = STEPS.reshape(2, QUERIES, HEADS, 2, POINTS, 2)
    weights = np.exp(LOGITS.reshape(2, QUERIES, HEADS, 2 * POINTS))
    weights = (weights / weights.sum(-1, keepdims=True)).reshape(2, QUERIES, HEADS, 2, POINTS)
    out, half = np.zeros((2, QUERIES, WIDTH)), WIDTH // HEADS
    for i, q, head in np.ndindex(2, QUERIES, HEADS):
        channels = slice(head * half, (head + 1) * half)
        planes = VALUES[i, :15, channels].reshape(3, 5, half), VALUES[i, 15:, channels]
        planes = planes[0], planes[1].reshape(2, 2, half)
        for level, point in np.ndindex(2, POINTS):
            step = steps[i, q, head, level, point]
            if places.shape[-1] == 4:
                x, y = places[i, q, :2] + step / POINTS * places[i, q, 2:] * 0.5
            else:
                x, y = places[i, q] + step / np.array(GRIDS[level][::-1])
            weight = weights[i, q, head, level, point]
            out[i, q, channels] += weight * sample(planes[level], x, y)
    return out


@pytest.mark.parametrize("places", [BOXES, BOXES[..., :2]], ids=["boxes", "middles"])
def test_it_is_the_sum_of_the_paper(places):
    layer = DeformableAttention(HEADS, POINTS, GRIDS)
    got = layer([ops.convert_to_tensor(x) for x in (VALUES, STEPS, LOGITS, places)])
    np.testing.assert_allclose(ops.convert_to_numpy(got), by_definition(places), atol=1e-5)


def test_queries_that_are_the_places_of_the_maps_need_not_say_where_they_are():
    steps, logits = (np.tile(x[:, :1], (1, 19, 1)) for x in (STEPS, LOGITS))
    middles = [
        [((x + 0.5) / columns, (y + 0.5) / rows) for y in range(rows) for x in range(columns)]
        for rows, columns in GRIDS
    ]
    middles = np.tile(np.float32(middles[0] + middles[1]), (2, 1, 1))
    layer = DeformableAttention(HEADS, POINTS, GRIDS)
    parts = [ops.convert_to_tensor(x) for x in (VALUES, steps, logits, middles)]
    np.testing.assert_allclose(layer(parts[:3]), layer(parts), atol=1e-6)


def test_in_a_model_it_begins_with_rays_and_is_saved(tmp_path):
    memory, queries, places = keras.Input((19, WIDTH)), keras.Input((4, WIDTH)), keras.Input((4, 4))
    nn = Blocks(data_format="channels_last")
    out = deformable_attention(
        queries, memory, places, nn, num_heads=4, points=POINTS, grids=GRIDS, name="cross"
    )
    model = keras.Model([memory, queries, places], out)
    rays = np.reshape(model.get_layer("cross_steps").get_weights()[1], (4, 2, POINTS, 2))
    # Appendix A.2: heads look right, down, left and up, the third point three steps away.
    np.testing.assert_allclose(rays[:, 1, 2], [[3, 0], [0, 3], [-3, 0], [0, -3]], atol=1e-6)
    inputs = [VALUES, RNG.normal(size=(2, 4, WIDTH)).astype("float32"), BOXES]
    said = model.predict(inputs, verbose=0)
    model.save(tmp_path / "cross.keras")
    again = keras.models.load_model(tmp_path / "cross.keras")
    np.testing.assert_array_equal(again.predict(inputs, verbose=0), said)
    assert Rays(**again.get_layer("cross_steps").bias_initializer.get_config()).points == POINTS


def test_places_at_the_edge_of_a_large_map_stand_for_nothing():
    """0.01 of the image: the first and last of more than fifty places."""
    grids = ((1, 60), (1, 30))
    clear = ClearEdges(grids)(ops.ones((1, 90, 1)))
    kept = ops.convert_to_numpy(clear)[0, :, 0]
    assert np.flatnonzero(kept == 0).tolist() == [0, 59]
    logits = AroundPlaces(grids)(ops.zeros((1, 90, 4)))
    shares = 1 / (1 + np.exp(-ops.convert_to_numpy(logits)[0].astype("float64")))
    np.testing.assert_allclose(shares[10], [10.5 / 60, 0.5, 0.05, 0.05], rtol=1e-5)
    np.testing.assert_allclose(shares[60 + 29], [29.5 / 30, 0.5, 0.1, 0.1], rtol=1e-5)
    np.testing.assert_array_equal(shares[0], np.ones(4))


def test_the_surest_places_and_a_box_that_gets_better():
    logits = np.float32([[[0, 1], [5, -9], [2, 3], [-1, -1]]])
    best = SurestPlaces(2)(ops.convert_to_tensor(logits))
    assert ops.convert_to_numpy(best).tolist() == [[1, 2]]
    taken = TakePlaces()([ops.convert_to_tensor(logits), best])
    np.testing.assert_array_equal(ops.convert_to_numpy(taken), logits[:, [1, 2]])
    shares = np.float32([[[0.2, 0.5, 1.0, 0.0]]])
    same = RefineBoxes()([ops.zeros((1, 1, 4)), ops.convert_to_tensor(shares)])
    found = 1 / (1 + np.exp(-ops.convert_to_numpy(same)))
    np.testing.assert_allclose(found, shares, atol=2e-5)  # the smallest share is 0.00001
