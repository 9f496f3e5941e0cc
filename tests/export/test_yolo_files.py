"""YOLOv8, v7 and v6, as small as they can be, from photos to the files of a phone."""

import keras
import pytest

from kapps.applications import yolov6, yolov7, yolov8
from kapps.export import export
from tests.tasks.detectors import SIZE, learnt

TINY = yolov8.application("YOLOv8Tiny", yolov8.yolov8, yolov8.backbone, (0.33, 0.125, 512))


def tiny(name):
    """A network and the line of Kotlin by which its codes become boxes."""
    if name == "yolov8":
        return TINY, "code[2] * width"
    if name == "yolov6":
        return yolov6.application("Tiny", 0.33, 0.125, None, False, None, "siou"), "code[2] * width"
    return yolov7.application("Narrow"), "2 * share(code[2]) * share(code[2]) * width"


NARROW = yolov7.VARIANTS["Tiny"]._replace(
    stem=((8, 2),),
    stages=((16, 8, 16), (16, 16, 32), (32, 32, 64), (64, 32, 64)),
    levels=((16, 8, 8), (32, 16, 16), (32, 16, 16)),
)


@pytest.mark.sweep
@pytest.mark.parametrize("name", ("yolov8", "yolov7", "yolov6"))
def test_it_learns_squares_and_both_files_find_them(name, tmp_path, monkeypatch):
    monkeypatch.setitem(yolov7.VARIANTS, "Narrow", NARROW)
    keras.utils.set_random_seed(1)
    app, line = tiny(name)
    model = app(input_shape=(SIZE, SIZE, 3), classes=2)
    run = learnt(model, tmp_path, count=300, epochs=8, learning_rate=0.003)
    exact, whole = export(run, tmp_path / "out", quantize=["float32", "int8"], max_drop=20)
    check = exact.report["verification"]
    assert check["keras_map50"] > 0.8
    assert check["exported_map50"] == pytest.approx(check["keras_map50"], abs=1e-6)
    assert check["relative_difference"] < 1e-3 and check["agreement"] == 1.0
    assert abs(whole.report["verification"]["drop"]) <= 20
    page = (whole.path / "README.md").read_text()
    assert line in page and line.replace("code[2]", "code[4 * i + 2]") in page
