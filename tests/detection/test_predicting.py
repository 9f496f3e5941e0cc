"""`kapps.detections`: what torchvision finds, from a model to numpy arrays in one call."""

import numpy as np
import pytest

import kapps
from kapps.applications import LeNet5
from tests.parity import dense
from tests.parity.fill import golden_input

GOLDEN = "ssdlite320_mobilenet_v3_large"


@pytest.fixture(scope="module")
def model():
    return dense.loaded(GOLDEN)


@pytest.fixture(scope="module")
def images():
    return np.concatenate([golden_input(320, i) for i in (0, 1)])


def test_they_are_torchvision_s(model, images):
    _, expected = dense.read(GOLDEN)
    found = kapps.detections(model, images, batch_size=1)
    assert len(found) == 2
    for i, one in enumerate(found):
        count = min(len(one["scores"]), expected["found_classes"].shape[1])
        assert count and one["classes"].min() > 0  # 0 is the background there
        assert dense.relative(one["boxes"][:count], expected["found_boxes"][i, :count]) <= 1e-4
        assert dense.relative(one["scores"][:count], expected["found_scores"][i, :count]) <= 1e-4
        np.testing.assert_array_equal(one["classes"][:count], expected["found_classes"][i, :count])


def test_the_numbers_of_the_rule_may_be_said(model, images):
    (every,) = kapps.detections(model, images[:1])
    middle = float(np.median(every["scores"]))
    (sure,) = kapps.detections(model, images[:1], threshold=middle)
    assert 0 < len(sure["scores"]) < len(every["scores"]) and sure["scores"].min() > middle
    (few,) = kapps.detections(model, images[:1], max_detections=3)
    np.testing.assert_array_equal(few["scores"], every["scores"][:3])


def test_what_cannot_be_is_one_sentence(model, images):
    with pytest.raises(ValueError, match="'lenet5' is no detector"):
        kapps.detections(LeNet5(), images)
    with pytest.raises(ValueError, match=r"shape \(320, 320, 3\)"):
        kapps.detections(model, images[0])
    with pytest.raises(ValueError, match="threshold=2"):
        kapps.detections(model, images, threshold=2)
