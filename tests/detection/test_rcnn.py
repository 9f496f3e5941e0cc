"""R-CNN's regressions and machines by their formulas, and what it finds."""

import keras
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from kapps.detection import rcnn


def test_edges_are_the_ridge_of_appendix_c():
    """Equations 5 to 9 in numpy."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 9, (40, 7)).astype("float32")
    corners = rng.uniform(0, 50, (40, 2))
    regions = np.concatenate([corners, corners + rng.uniform(20, 60, (40, 2))], 1)
    boxes = regions + rng.normal(0, 3, (40, 4))

    def centre(x):
        size = x[:, 2:] - x[:, :2]
        return x[:, :2] + size / 2, size

    (p, across), (g, wanted) = centre(regions), centre(boxes)
    targets = np.concatenate([(g - p) / across, np.log(wanted / across)], 1)
    expected = np.linalg.solve(rows.T @ rows + 1000 * np.eye(7), rows.T @ targets)
    np.testing.assert_allclose(rcnn.ridge(rows, regions, boxes), expected, rtol=1e-3, atol=1e-6)


def test_hard_negatives_are_all_that_a_machine_needs():
    """The plane of all negatives is that of those within its margin, which it has seen."""
    rng = np.random.default_rng(1)
    positives = rng.normal(6, 2, (20, 5))
    photos = [rng.normal(-6, 4, (200, 5)) for _ in range(4)]
    machine = rcnn.Machine(positives)
    for rows in photos:
        machine.look(rows)
    kernel, bias = machine.plane()
    rows = np.concatenate([positives, *photos])
    labels = np.repeat([1, 0], [20, 800])
    # By the numbers of the authors' code: -c 0.001 -w1 2 -s 3 -B 10 of liblinear.
    whole = LinearSVC(C=1e-3, loss="hinge", intercept_scaling=10, class_weight={1: 2.0},
                      max_iter=10_000, random_state=0).fit(rows, labels)  # fmt: skip
    assert 200 <= len(machine.negatives) < 400
    np.testing.assert_allclose(kernel, whole.coef_[0], rtol=0.02, atol=1e-3)
    assert bias == pytest.approx(whole.intercept_[0], rel=0.02, abs=1e-3)


@pytest.fixture(scope="module")
def network():
    """What colours there are in the quarters of 16 x 16 pixels, and in the whole."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.AveragePooling2D(8, name="stage5_pool")(keras.layers.Rescaling(1.0)(image))
    dense = keras.layers.Flatten(name="fc2_act")(x)
    return rcnn.features(keras.Model(image, keras.layers.Dense(2)(dense)))


def photo(seed: int):
    """A red and a green square, where they are, and regions near them and anywhere."""
    rng = np.random.default_rng(seed)
    image = np.zeros((60, 80, 3), np.uint8)
    corners = rng.integers(2, 15, (2, 2)) + [[0, 10], [40, 10]]
    boxes = np.concatenate([corners, corners + 24], 1)
    for channel, (left, top, right, bottom) in enumerate(boxes):
        image[top:bottom, left:right, channel] = 255
    near = np.repeat(boxes, 6, axis=0) + rng.integers(-3, 4, (12, 4))
    far = rng.integers(0, 36, (30, 2))
    regions = np.concatenate([near, np.concatenate([far, far + 20], 1)])
    return image, boxes, np.array([0, 1]), np.clip(regions, 0, [80, 60, 80, 60])


def test_squares_are_found_where_they_are(network):
    images, boxes, labels, regions = zip(*(photo(seed) for seed in range(3)), strict=True)
    learnt = rcnn.fit(network, images, boxes, labels, regions, cost=1.0, batch_size=64)
    assert learnt.kernels.shape == (12, 2) and learnt.edges.shape == (2, 12, 4)
    image, truth, _, near = photo(9)
    found = learnt.detect(image, near)
    first = [found["classes"].tolist().index(number) for number in (0, 1)]
    assert (rcnn.overlap(found["boxes"][first], truth.astype("float32")).diagonal() > 0.7).all()
    still = np.zeros_like(learnt.edges)
    unmoved = rcnn.RCNN(network, learnt.kernels, learnt.biases, still)
    unmoved = unmoved.detect(image, near)
    places = {tuple(box) for box in near.astype("float32").tolist()}
    assert all(tuple(box) in places for box in unmoved["boxes"].tolist())
    assert not all(tuple(box) in places for box in found["boxes"].tolist())


def test_a_class_without_a_truth_is_said(network):
    image, boxes, _, regions = photo(0)
    with pytest.raises(ValueError, match=r"no truth of the classes \[0\]"):
        rcnn.fit(network, [image], [boxes], [[1, 1]], [regions])
