"""Overlaps against the values of torchvision 0.28's `ops`, and forms by hand."""

import numpy as np
import pytest

from kapps.detection import boxes as module
from tests.detection.compiled import call

pytestmark = pytest.mark.contract

A = np.array([[10, 10, 50, 40], [0, 0, 30, 30], [20, 30, 60, 90], [5, 5, 6, 7]], "float32")
B = np.array([[12, 8, 48, 44], [40, 40, 70, 80], [20, 25, 60, 95], [0, 0, 10, 10]], "float32")
# torchvision.ops.box_iou(A, B), and 1 less its generalized_, distance_ and complete_box_iou_loss.
IOU = [
    [0.762711883, 0, 0.126760557, 0],
    [0.219999999, 0, 0.01369863, 0.111111112],
    [0.118644066, 0.285714298, 0.857142866, 0],
    [0, 0, 0, 0.02],
]
PAIRED = {
    "aligned_iou": np.diag(IOU),
    "giou": [0.746045232, -0.625, 0.857142866, 0.01999998],
    "diou": [0.762366593, -0.32079649, 0.857142866, 0.01374996],
    "ciou": [0.762095273, -0.32086253, 0.857117355, 0.01202744],
    # 1 less `IOUloss` of YOLOv6's code (yolov6detect 0.4.1).
    "siou": [0.761622128, -0.277709857, 0.856985831, -0.095446898],
}


def of(name, *arrays):
    return call(getattr(module, name), *arrays)


def test_all_pairs():
    np.testing.assert_allclose(of("iou", A, B), IOU, rtol=1e-6, atol=1e-7)
    many = of("iou", np.stack([A, B]), np.stack([B, A]))
    np.testing.assert_allclose(many, [IOU, np.transpose(IOU)], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", PAIRED)
def test_partners(name):
    np.testing.assert_allclose(of(name, A, B), PAIRED[name], rtol=2e-6, atol=1e-6)
    pairs = of(name, A[:, None], B[None])
    assert pairs.shape == (4, 4)
    np.testing.assert_allclose(np.diag(pairs), PAIRED[name], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["iou", *PAIRED])
def test_empty_boxes_have_numbers(name):
    assert np.isfinite(of(name, np.zeros((2, 4), "float32"), np.zeros((2, 4), "float32"))).all()


def test_forms():
    centres = of("to_centres", A)
    np.testing.assert_array_equal(centres[0], [30, 25, 40, 30])
    np.testing.assert_array_equal(of("to_corners", centres), A)
    shares = of("rescale", A, (100, 50))
    np.testing.assert_allclose(shares[0], [0.2, 0.1, 1, 0.4], rtol=1e-6)
    back = of("rescale", shares, (1, 1), (100, 50))
    np.testing.assert_allclose(back, A, rtol=1e-6)


def test_edges_and_areas():
    box = np.array([[-5, 4, 70, 90.0]], "float32")
    got = of("clip", box, (80, 60))
    np.testing.assert_array_equal(got, [[0, 4, 60, 80]])
    np.testing.assert_array_equal(of("area", A), [1200, 900, 2400, 2])
    np.testing.assert_array_equal(of("area", A[:, [2, 1, 0, 3]]), [0, 0, 0, 0])
    points = np.array([[10, 20], [11, 20], [30, 40], [7, 7]], "float32")
    np.testing.assert_array_equal(of("inside", points[:2], A[:1]), [False, True])
