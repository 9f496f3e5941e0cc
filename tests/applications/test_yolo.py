"""YOLO: the numbers of the published models, and files with the names of their authors."""

import numpy as np
import pytest

import kapps
from kapps.applications import facts, find_application
from kapps.errors import WeightsError
from tests.parity import dense


def test_the_numbers_of_ultralytics():
    """Gradients in the heads of its yolov8.yaml; of v5u, its models built from yolov5.yaml."""
    counts = {
        "YOLOv8N": 3157184,
        "YOLOv8S": 11166544,
        "YOLOv8M": 25902624,
        "YOLOv8L": 43691504,
        "YOLOv8X": 68229632,
        "YOLOv5NU": dense.read("yolov5nu")[0]["parameters"],
    }
    assert {name: facts(name)["params"] for name in counts} == counts


def test_the_numbers_of_megvii():
    """Millions of parameters in the README of YOLOX."""
    millions = {"Nano": 0.91, "Tiny": 5.06, "S": 9.0, "M": 25.3, "L": 54.2, "X": 99.1}
    for size, expected in millions.items():
        assert facts(f"YOLOX{size}")["params"] / 1e6 == pytest.approx(expected, abs=0.06), size


def test_a_file_of_ultralytics_loads_by_its_names_and_says_what_is_wrong(tmp_path):
    save = pytest.importorskip("safetensors.numpy").save_file
    arrays = dense.arrays_of(dense.read("yolov8n")[0])
    bins = "model.22.dfl.conv.weight"
    arrays[bins] = np.arange(16, dtype="float32").reshape(1, 16, 1, 1)
    save(arrays, tmp_path / "yolov8n.safetensors")
    app = find_application("ultralytics/yolov8n")
    model = app(weights=tmp_path / "yolov8n.safetensors", input_shape=(64, 64, 3), classes=3)
    # Its classes decide how wide the branch before them is: 80 filters, or 64 as the map before.
    new = {name.rpartition("/")[0] for name in model.load_report.new}
    assert {name[:11] for name in new} == {f"head_class{level}" for level in (3, 4, 5)}
    assert {"head_class3_predictions", "head_class5_block2_norm"} <= new
    kernel = arrays["model.15.m.0.cv2.conv.weight"].transpose(2, 3, 1, 0)
    layer = model.get_layer("neck_top_down3_block1_2_conv")
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    arrays[bins] = arrays[bins][:, ::-1].copy()
    save(arrays, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="dfl.conv.weight is .*expected 0, 1, ..., 15"):
        app(weights=tmp_path / "other.safetensors", input_shape=(64, 64, 3))


def test_its_licence_is_said_and_no_file_is_a_default():
    for name in kapps.list_models("yolov[58]*"):
        assert "AGPL-3.0" in facts(name)["paper"]
        app = kapps.applications.get(name)
        assert app.__signature__.parameters["weights"].default is None


def test_photos_are_letterboxed_on_grey():
    """114 on all channels, as Ultralytics' LetterBox fills."""
    transform = kapps.create_transform("YOLOv8N")
    assert (transform.crop_mode, transform.fill, transform.size) == (
        "border",
        (114, 114, 114),
        (640, 640),
    )
