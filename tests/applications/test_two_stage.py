"""Detectors of two stages: equal to torchvision's, and what they say of themselves."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import FasterRCNN
from kapps.weights import dialects
from tests.parity import dense

SMALL = (64, 64, 3)
BACKEND = keras.backend.backend()
# Mask R-CNN is Faster R-CNN and more.
HERE = "maskrcnn_resnet50_fpn" if BACKEND == "tensorflow" else "fasterrcnn_resnet50_fpn"
small = pytest.mark.skipif(BACKEND == "jax", reason="JAX compiles a whole network for each")


def late(name: str) -> list:
    return [] if name == HERE else [pytest.mark.sweep]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=late(n)) for n in dense.names() if "rcnn" in n]
)
def test_equals_torchvision_at_every_step(name):
    errors = dense.detector_errors(name)
    steps = {"objectness", "region_regression", "regions", "class_logits", "box_regression"}
    assert steps | {"found_boxes", "found_scores", "found_classes"} <= set(errors)
    assert max(errors.values()) <= 1e-4, errors


@pytest.fixture(scope="module")
def model():
    return FasterRCNN(
        weights=None, backbone="MobileNetV3Small", input_shape=SMALL, classes=2, regions=30
    )


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(3).integers(0, 256, (2, *SMALL), dtype="uint8")


@small
def test_it_ends_in_a_fixed_number_of_detections(model, photos):
    assert {key: value.shape for key, value in model.output.items()} == {
        "boxes": (None, 100, 4),
        "scores": (None, 100),
        "classes": (None, 100),
    }
    said = model.predict(photos, verbose=0)
    there = said["classes"] >= 0
    assert there.any() and said["classes"].max() <= 1  # background is no class
    np.testing.assert_array_equal(said["scores"] > 0, there)
    assert not said["boxes"][~there].any() and said["boxes"].max() <= 64
    assert (np.diff(said["scores"]) <= 0).all()


@small
def test_detections_are_taken_as_they_are(model, photos):
    said = model.predict(photos, verbose=0)
    found = kapps.detections(model, photos)
    middle = float(np.median(found[0]["scores"]))
    sure = kapps.detections(model, photos, threshold=middle, max_detections=5)
    for i, one in enumerate(found):
        count = (said["classes"][i] >= 0).sum()
        for key, value in one.items():
            np.testing.assert_allclose(value, said[key][i, :count], rtol=1e-4, atol=1e-4)
    assert 0 < len(sure[0]["scores"]) <= 5 and sure[0]["scores"].min() > middle
    for wrong in ({"iou": 0.3}, {"threshold": 0.01}):
        with pytest.raises(ValueError, match="suppresses inside, by iou=0.5 from a score of 0.05"):
            kapps.detections(model, photos, **wrong)


@small
def test_saved_and_loaded_it_knows_how_it_learns(model, photos, tmp_path):
    model.save(tmp_path / "detector.keras")
    again = keras.models.load_model(tmp_path / "detector.keras")
    for key, value in again(photos).items():
        value = keras.ops.convert_to_numpy(value)
        np.testing.assert_allclose(
            value, keras.ops.convert_to_numpy(model(photos)[key]), 1e-4, 1e-4
        )
    boxes, before = again.get_layer("boxes"), model.get_layer("boxes")
    assert boxes.objective["name"] == "faster_rcnn" and boxes.background == "apart"
    assert (boxes.coder, boxes.suppression) == (before.coder, before.suppression)
    np.testing.assert_array_equal(boxes.anchors.boxes, before.anchors.boxes)
    assert again.get_layer("regions").proposals == model.get_layer("regions").proposals


def test_the_first_layer_of_the_second_stage_reads_rows_first():
    """torch flattens channel, row, column; files of 2022 and before have shorter names."""
    dialect = dialects.find("faster_rcnn", "torchvision", "resnet")
    theirs = np.arange(2 * 3 * 49, dtype="float32").reshape(2, -1)
    arrays = {
        "roi_heads.box_head.fc6.weight": theirs,
        "roi_heads.box_head.fc7.bias": np.zeros(2, "float32"),
        "rpn.head.conv.bias": np.ones(2, "float32"),
    }
    ours = dialect.translate(arrays, {})
    assert set(ours) == {"head_box_fc1/kernel", "head_box_fc2/bias", "head_region_conv1/bias"}
    kernel = ours["head_box_fc1/kernel"].reshape(7, 7, 3, 2)
    np.testing.assert_array_equal(kernel[4, 5, 2], theirs.reshape(2, 3, 7, 7)[:, 2, 4, 5])


def test_the_numbers_of_torchvision():
    """ "num_params" of its weights, and the normalisations that it keeps frozen and leaves out."""
    counts = {
        "FasterRCNNResNet50FPN": 41755286 + 53120,
        "FasterRCNNResNet50FPNV2": 43712278,
        "FasterRCNNMobileNetV3LargeFPN": 19386354 + 24400,
        "FasterRCNNMobileNetV3Large320FPN": 19386354 + 24400,
        "MaskRCNNResNet50FPN": 44401393 + 53120,
        "MaskRCNNResNet50FPNV2": 46359409,
        "KeypointRCNNResNet50FPN": 59137258 + 53120,
    }
    for name, count in counts.items():
        assert kapps.applications.facts(name)["params"] == count


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["MaskRCNN", "KeypointRCNNResNet50FPN"])
def test_masks_and_joints_come_with_the_detections(name, photos):
    app = kapps.applications.get(name)
    body = {"backbone": "MobileNetV3Small"} if app.any_backbone else {}
    model = app(weights=None, input_shape=SMALL, classes=2, regions=8, **body)
    found = kapps.detections(model, photos[:1], threshold=0.2, max_detections=4)[0]
    key, shape = {"masks": ("masks", (28, 28)), "heatmaps": ("keypoints", (17, 3))}[
        list(model.output)[-1]
    ]
    count = len(found["scores"])
    assert count and found[key].shape == (count, *shape)
    assert set(found) == {"boxes", "scores", "classes", key}
    if key == "keypoints":
        x, y = found[key][..., 0], found[key][..., 1]
        left, top, right, bottom = found["boxes"].T[:, :, None]
        assert (x >= left).all() and (y >= top).all()
        assert (x <= np.maximum(right, left + 1)).all() and (y <= np.maximum(bottom, top + 1)).all()
