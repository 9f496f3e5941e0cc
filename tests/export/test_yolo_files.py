"""YOLOv8, as small as it can be, from photos to the files of a phone."""

import keras
import numpy as np
import pytest

from kapps.applications import yolov8
from kapps.export import boxes, export
from tests.tasks.detectors import SIZE, learnt

TINY = yolov8.application("YOLOv8Tiny", yolov8.yolov8, yolov8.backbone, (0.33, 0.125, 512))


@pytest.mark.sweep
def test_it_learns_squares_and_both_files_find_them(tmp_path):
    keras.utils.set_random_seed(1)
    model = TINY(input_shape=(SIZE, SIZE, 3), classes=2)
    run = learnt(model, tmp_path, count=300, epochs=8, learning_rate=0.003)
    exact, whole = export(run, tmp_path / "out", quantize=["float32", "int8"], max_drop=20)
    check = exact.report["verification"]
    assert check["keras_map50"] > 0.8
    assert check["exported_map50"] == pytest.approx(check["keras_map50"], abs=1e-6)
    assert check["relative_difference"] < 1e-3 and check["agreement"] == 1.0
    assert abs(whole.report["verification"]["drop"]) <= 20
    page = (whole.path / "README.md").read_text()
    assert "code[2] * width" in page and "code[4 * i + 2] * width" in page


def test_distances_become_boxes_as_the_layer_makes_them():
    model = TINY(input_shape=(SIZE, SIZE, 3), classes=2)
    layer = model.get_layer("boxes")
    codes = np.random.default_rng(0).uniform(0, 9, (2, 84, 4)).astype("float32")
    expected = np.asarray(layer(codes)).clip(0, SIZE)
    found = boxes.decode(codes, boxes.anchors_of(model), boxes.coded(model))
    assert found == pytest.approx(expected, abs=1e-3)
