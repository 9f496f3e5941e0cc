"""YOLO: the numbers of the published models, and files with the names of their authors."""

import keras
import numpy as np
import pytest

import kapps
from kapps.applications import facts, find_application, yolov6
from kapps.detection.anchors import YOLO_V7_TINY
from kapps.errors import WeightsError
from kapps.weights import dialects
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


def test_the_numbers_of_yolov6_and_yolov7():
    """Parameters of their authors' networks, and what the papers' tables say of them in millions.

    There YOLOv7's last sums of branches are one convolution each, and those of N to M all.
    """
    for name in ("yolov6n", "yolov6m", "yolov6l", "yolov7", "yolov7x", "yolov7-tiny", "yolov7-w6"):
        said = dense.read(name)[0]
        ours = find_application(said["reference"]).name
        assert facts(ours)["params"] == said["parameters"], name
    millions = {"v6L": 59.6, "v7X": 71.3, "v7Tiny": 6.2, "v7W6": 70.4}  # table 1; tables 1 and 2
    for name, expected in millions.items():
        assert facts(f"YOLO{name}")["params"] / 1e6 == pytest.approx(expected, abs=0.06), name
    for name, flops in {"v6L": 150.7, "v7": 104.7, "v7X": 189.9, "v7W6": 360.0}.items():
        assert 2 * facts(f"YOLO{name}")["macs"] / 1e9 == pytest.approx(flops, rel=0.012), name


def test_a_narrow_yolov6_predicts_as_one_convolution_for_each_sum():
    app = yolov6.application("Narrow", 0.2, 0.0625, 2 / 3, False, 17, "giou")
    model = app(input_shape=(64, 64, 3), classes=3)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            for variable in layer.weights:
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    merged = kapps.reparameterize(model)
    names = [layer.name for layer in merged.layers]
    assert not any(name.endswith(("_norm", "_scale_conv")) for name in names)
    photo = rng.uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    expected, found = (one(photo, training=False) for one in (model, merged))
    for key, value in expected.items():
        value = keras.ops.convert_to_numpy(value)
        assert dense.relative(keras.ops.convert_to_numpy(found[key]), value) < 1e-4
    scores = keras.ops.convert_to_numpy(expected["scores"])
    assert scores.shape == (1, 84, 3) and scores.std() > 0


def test_a_trained_file_of_yolov7_has_its_implicit_knowledge_merged():
    """im * (W (x + ia) + b), as IDetect of its code computes; anchors of its own are refused."""
    rng = np.random.default_rng(0)
    shapes = {"m.0.weight": (6, 4, 1, 1), "m.0.bias": (6,)}
    shapes |= {"ia.0.implicit": (1, 4, 1, 1), "im.0.implicit": (1, 6, 1, 1)}
    arrays = {f"model.77.{name}": rng.normal(size=shape) for name, shape in shapes.items()}
    weight, bias, added, factor = (array.squeeze() for array in arrays.values())
    x = rng.normal(size=4)
    dialect = dialects.find("yolov7", "yolov7-tiny")
    assert all(dialect.knows(name, set()) for name in arrays)
    merged = dialect.prepare(arrays)
    assert set(merged) == {"model.77.m.0.weight", "model.77.m.0.bias"}
    found = merged["model.77.m.0.weight"].squeeze() @ x + merged["model.77.m.0.bias"]
    assert found == pytest.approx(factor * (weight @ (x + added) + bias))
    name, published = "model.77.anchor_grid", np.float32([*YOLO_V7_TINY.shapes])
    dialect.check({name: published.reshape(3, 1, 3, 1, 1, 2)}, None)
    with pytest.raises(WeightsError, match="anchor_grid is .*--noautoanchor"):
        dialect.check({name: published + 1}, None)


def test_what_helped_yolov6_to_train_is_left_out():
    names = [name for name, _ in dense.read("yolov6n")[0]["tensors"]]
    others = ["detect.cls_preds_ab.0.bias", "detect.reg_preds_dist.0.bias", "detect.proj"]
    detected = dialects.detect("yolov6", [*names, *others], set(), "file")
    assert detected.name == "meituan, small"
    taught = {"detect.reg_preds.0.bias": np.ones(68), "detect.reg_preds_lrtb.0.bias": np.zeros(4)}
    (kept,) = detected.prepare(taught).items()
    assert kept[0] == "detect.reg_preds.0.bias" and kept[1].shape == (4,)


def test_its_licence_is_said_and_no_file_is_a_default():
    for name in kapps.list_models("yolov[5-8]*"):
        licence = "AGPL-3.0" if name[5] in "58" else "GPL-3.0"
        assert f"under {licence}" in facts(name)["paper"]
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
