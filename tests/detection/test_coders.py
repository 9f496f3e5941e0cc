"""Coders against torchvision 0.28's BoxCoder and BoxLinearCoder, and YOLO's formulas by hand."""

import numpy as np
import pytest

from kapps.detection.coders import CellCoder, DeltaCoder, DistanceCoder, expectation
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

A = np.array([[10, 10, 50, 40], [0, 0, 30, 30], [20, 30, 60, 90], [5, 5, 6, 7]], "float32")
B = np.array([[12, 8, 48, 44], [40, 40, 70, 80], [20, 25, 60, 95], [0, 0, 10, 10]], "float32")


def both(coder, boxes, anchors, *more):
    """(codes of the boxes, boxes of the codes)."""
    args = [np.asarray(x, "float32") for x in (boxes, anchors, *more)]
    codes = call(coder.encode, *args)
    return codes, call(coder.decode, codes, *args[1:])


def decode(coder, codes, anchors, *more):
    return call(coder.decode, *(np.asarray(x, "float32") for x in (codes, anchors, *more)))


def test_deltas_are_torchvision_s():
    coder = DeltaCoder((10, 10, 5, 5))
    codes, boxes = both(coder, B, A)
    expected = [
        [0, 0.333333343, -0.526802659, 0.911607981],
        [13.3333333, 15, 0, 1.43841052],
        [0, 0, 0, 0.770753264],
        [-5, -5, 11.5129261, 8.04718971],
    ]
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(boxes, B, rtol=1e-5, atol=1e-4)
    codes = [[0.5, -1, 2, -3], [1, 2, 30, 1], [0, 0, 0, 0], [-4, 3, 0.5, 0.25]]
    expected = [
        [2.16350555, 13.7678261, 61.8364944, 30.2321739],
        [-919.500061, 2.67895889, 955.500061, 39.321041],  # a change of 30 / 5 is cut at log(62.5)
        [20, 30, 60, 90],
        [4.5474143, 5.54872894, 5.65258551, 7.65127087],
    ]
    np.testing.assert_allclose(decode(coder, codes, A), expected, rtol=1e-5)
    wide = decode(DeltaCoder((10, 10, 5, 5), clip=None), codes, A)[1]
    np.testing.assert_allclose(wide[2] - wide[0], 30 * np.exp(6), rtol=1e-5)


def test_padding_has_codes_that_are_numbers():
    codes, _ = both(DeltaCoder(), np.zeros((4, 4)), A)
    assert np.isfinite(codes).all()


def test_distances_are_torchvision_s():
    codes, boxes = both(DistanceCoder(), B, A)
    # BoxLinearCoder(normalize_by_size=True).encode(A, B)
    expected = [
        [0.45, 0.566666663, 0.45, 0.633333325],
        [-0.833333313, -0.833333313, 1.83333337, 2.16666675],
        [0.5, 0.583333313, 0.5, 0.583333313],
        [5.5, 3, 4.5, 2],
    ]
    np.testing.assert_allclose(codes, expected, rtol=1e-5)
    np.testing.assert_allclose(boxes, B, rtol=1e-5, atol=1e-5)
    codes, boxes = both(DistanceCoder(in_strides=False), B, A)
    np.testing.assert_allclose(codes[0], [18, 17, 18, 19])
    np.testing.assert_allclose(boxes, B, rtol=1e-5, atol=1e-5)


def test_cells_of_yolo_v3():
    """b_x = sigmoid(t_x) + c_x, b_w = p_w exp(t_w) in cells: a prior of 20 x 30 in cell (2, 1)."""
    anchor = [[2.5 * 16 - 10, 1.5 * 16 - 15, 2.5 * 16 + 10, 1.5 * 16 + 15]]
    box = decode(CellCoder(), [[1.0, -2.0, 0.3, -0.4]], anchor, [16])[0]
    x, y = (1 / (1 + np.exp(-1)) + 2) * 16, (1 / (1 + np.exp(2)) + 1) * 16
    width, height = 20 * np.exp(0.3), 30 * np.exp(-0.4)
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(box, expected, rtol=1e-5)


def test_cells_of_yolo_v5():
    """b_x = 2 sigmoid(t_x) - 0.5 + c_x, b_w = p_w (2 sigmoid(t_w))^2 in cells."""
    anchor = [[2.5 * 16 - 10, 1.5 * 16 - 15, 2.5 * 16 + 10, 1.5 * 16 + 15]]
    box = decode(CellCoder("square", 2), [[1.0, -2.0, 0.3, -0.4]], anchor, [16])[0]
    s = 1 / (1 + np.exp(-np.array([1.0, -2.0, 0.3, -0.4])))
    x, y = (2 * s[0] - 0.5 + 2) * 16, (2 * s[1] - 0.5 + 1) * 16
    width, height = 20 * (2 * s[2]) ** 2, 30 * (2 * s[3]) ** 2
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(box, expected, rtol=1e-5)


@pytest.mark.parametrize("coder", [CellCoder(), CellCoder("exp", 1.1), CellCoder("square", 2)])
def test_cells_come_back(coder):
    boxes = [[30, 20, 52, 44], [33, 10, 45, 38]]
    _, back = both(coder, boxes, [[30, 9, 50, 39], [30, 9, 50, 39]], [16, 16])
    reachable = [[30, 20, 52, 44], [33, 10, 45, 38]]
    np.testing.assert_allclose(back, reachable, rtol=1e-4, atol=0.2)


def test_a_word_for_sizes_is_known():
    with pytest.raises(ValueError, match="size='sigmoid': expected 'exp'"):
        CellCoder("sigmoid")


def test_a_distribution_has_its_mean():
    """Shares of 1/4 and 3/4 on 2 and 3 are 2.75; equal ones of 0 to 4 are 2."""
    logits = np.full((1, 4, 5), -50, "float32")
    logits[0, 0, 2:4] = 0, np.log(3)
    logits[0, 1] = 0
    logits[0, 2:, 4] = 9
    got = call(expectation, logits)
    np.testing.assert_allclose(got, [[2.75, 2, 4, 4]], rtol=1e-5)
