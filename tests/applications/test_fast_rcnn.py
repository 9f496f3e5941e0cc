"""Fast R-CNN: the numbers of its paper, where its regions come from, and a step of it."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import fast_rcnn
from kapps.layers import Blocks, region_search
from kapps.tasks.detection import Detection

SIZE, REGIONS = 64, 24


def search(image: np.ndarray, mode: str = "fast", most: int = 2000) -> np.ndarray:
    """In place of OpenCV's, whose extra modules not every environment has: what is bright."""
    assert image.dtype == np.uint8 and image.shape == (SIZE, SIZE, 3) and mode == "fast"
    rows, columns = np.nonzero(image.max(axis=-1))
    box = np.float32([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return np.stack([box + n for n in range(6)])[:most]


@pytest.fixture(scope="module")
def network():
    """Its head, with 16 units, on a map of eight channels."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(8, 16, 16, activation="relu", name="stage5_conv")(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_rcnn, "UNITS", 16)
        patch.setattr(region_search, "selective_search", search)
        outputs = fast_rcnn.fast_rcnn(
            [x], Blocks(data_format="channels_last"), image=image, classes=2, published=21,
            background=None, image_size=(SIZE, SIZE), regions=REGIONS, cells=2,
        )  # fmt: skip
        yield keras.Model(image, outputs, name="toy")


@pytest.fixture(scope="module")
def photos():
    images = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    images[0, 8:40, 4:32, 0] = 255
    images[1, 20:60, 24:60, 1] = 200
    return images


def test_it_searches_its_regions_or_is_given_them(network, photos):
    regions = np.stack([search(image) for image in photos])
    own = kapps.detections(network, photos)  # of 24, most of which are missing
    given = kapps.detections(network, photos, regions=regions)
    for one, other in zip(own, given, strict=True):
        assert len(one["scores"]) > 0
        for key, value in one.items():
            np.testing.assert_allclose(value, other[key], rtol=1e-4, atol=1e-4)


def test_a_step_learns_from_regions_and_truths(network, photos):
    task = Detection()
    trainee = task.trainee(network)
    trainee.compile(optimizer="sgd", **task.compiled(network))
    truth = {
        "boxes": np.float32([[[4, 8, 32, 40]], [[24, 20, 60, 60]]]),
        "labels": np.int32([[0], [1]]),
    }
    before = {v.path: keras.ops.convert_to_numpy(v) for v in network.trainable_variables}
    row = trainee.train_on_batch(photos, truth, return_dict=True)
    assert row["loss"] == pytest.approx(row["class_loss"] + row["box_loss"], rel=1e-5)
    # Three columns and small kernels: at first each is as likely.
    assert row["class_loss"] == pytest.approx(np.log(3), abs=0.1)
    after = {v.path: keras.ops.convert_to_numpy(v) for v in network.trainable_variables}
    assert not [path for path in before if (after[path] == before[path]).all()]


def test_the_numbers_of_the_paper():
    """Table 1 of VGG and figure 1: fc6 and fc7 of 4096, 21 scores and 84 edges of each region."""
    convolutions = 14_714_688
    fc = (49 * 512 + 1) * 4096 + 4097 * 4096
    assert kapps.applications.facts("FastRCNNVGG16")["params"] == convolutions + fc + 4097 * 5 * 21
    app = kapps.applications.FastRCNNAlexNet
    assert app.config["cells"] == 6 and app.spec.size == 600
