"""S- and C-cells against the equations of Fukushima (1980), written as loops."""

import keras
import numpy as np
import pytest

from kapps.layers import CCells, SCells
from kapps.layers.cells import nearness

TENSORFLOW = keras.backend.backend() == "tensorflow"
FORMATS = ["channels_last"] if TENSORFLOW else ["channels_last", "channels_first"]
RNG = np.random.default_rng(0)


def run(layer, x):
    first = layer.data_format == "channels_first"
    y = keras.ops.convert_to_numpy(layer(x.transpose(0, 3, 1, 2) if first else x))
    return y.transpose(0, 2, 3, 1) if first else y


def test_weights_fall_with_the_distance_and_sum_to_one():
    near = nearness(5)[:, :, 0, 0]
    assert near.sum() == pytest.approx(1)
    assert (np.diff(near[2, 2:]) < 0).all()
    np.testing.assert_array_equal(near, near.T)


@pytest.mark.parametrize("data_format", FORMATS)
def test_s_cells(data_format):
    u = RNG.uniform(0, 1, (2, 6, 5, 3)).astype("float32")
    layer = SCells(4, 3, 1.5, data_format)
    run(layer, u)
    a, b = RNG.uniform(0, 0.3, (3, 3, 3, 4)), RNG.uniform(0, 6, 4)
    layer.set_weights([a, b])
    c, r = nearness(3)[:, :, :, 0] / 3, 1.5  # over all three planes
    expected = np.zeros((2, 4, 3, 4))
    for n, i, j, k in np.ndindex(expected.shape):
        window = u[n, i : i + 3, j : j + 3]
        v = np.sqrt((c * window**2).sum())
        fit = (1 + (a[..., k] * window).sum()) / (1 + 2 * r / (1 + r) * b[k] * v) - 1
        expected[n, i, j, k] = r * max(0, fit)
    assert 0 < (expected > 0).mean() < 1
    np.testing.assert_allclose(run(layer, u), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", FORMATS)
def test_c_cells(data_format):
    u = RNG.uniform(0, 1, (2, 7, 5, 3)).astype("float32")
    d = nearness(3)[:, :, :, 0]
    expected = np.zeros((2, 3, 2, 3))
    for n, i, j, k in np.ndindex(expected.shape):
        sums = (d * u[n, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]).sum(axis=(0, 1))
        x = max(0, (1 + sums[k]) / (1 + sums.mean()) - 1)
        expected[n, i, j, k] = x / (0.5 + x)
    np.testing.assert_allclose(
        run(CCells(3, 2, 0.5, data_format), u), expected, rtol=1e-4, atol=1e-6
    )


def test_weights_begin_and_stay_where_no_cell_inhibits_itself():
    layer = SCells(4, 3)
    run(layer, np.zeros((1, 3, 3, 2), "float32"))
    kernel, inhibition = layer.get_weights()
    assert (kernel >= 0).all()
    assert not inhibition.any()
    for variable in layer.trainable_variables:
        assert isinstance(variable.constraint, keras.constraints.NonNeg)
