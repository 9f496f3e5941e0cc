"""A detector's files: boxes in float, codes and anchors in int8, and what lies beside them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kapps import data
from kapps.detection import answers
from kapps.detection.anchors import CellAnchors, Everywhere
from kapps.detection.coders import CellCoder, DeltaCoder, DistanceCoder, RootCoder, ShareCoder
from kapps.errors import ExportError
from kapps.export import box_codes, boxes, export, runners
from kapps.export.images import Images
from kapps.export.source import Source
from kapps.layers import DecodeBoxes, DeformableAttention
from tests.tasks.detectors import SIZE, finder


@pytest.fixture(scope="module")
def run(common):
    """A run of a detector that has learnt its squares."""
    return finder(common)[0]


@pytest.fixture(scope="module")
def bundles(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "out"
    return export(run, out, quantize=["float32", "int8"], max_drop=20)


def test_both_files_find_what_keras_finds(bundles):
    exact, whole = bundles
    check = exact.report["verification"]
    assert check["metric"] == "map50" and check["keras_map50"] > 0.8
    assert check["exported_map50"] == pytest.approx(check["keras_map50"], abs=1e-6)
    assert check["relative_difference"] < 1e-3 and check["agreement"] == 1.0
    assert abs(whole.report["verification"]["drop"]) <= 20
    assert set(exact.spec["output"]) == {"kind", "boxes", "scores"}
    assert set(whole.spec["output"]) == {"kind", "codes", "scores", "coded"}
    assert whole.spec["output"]["codes"]["dtype"] == "uint8"
    assert {exact.spec["task"], whole.spec["annotation"]} == {"detection", "boxes"}


def test_a_bundle_answers_boxes_in_either_form(run, bundles):
    image = np.asarray(Image.open(bundles[0].path / "golden.png"))[None]
    said = [runners.open_model(bundle.path).predict(image) for bundle in bundles]
    exact, whole = [answers.detections(one, 0.5)[0] for one in said]
    # One square of each kind, found about as surely: 8 bits may change which comes first.
    (classes, places), others = [
        (sorted(one["classes"].tolist()), one["boxes"][one["classes"].argsort()])
        for one in (exact, whole)
    ]
    assert classes == others[0] != []
    assert places == pytest.approx(others[1], abs=4)
    golden = json.loads((bundles[0].path / "golden.json").read_text())
    best = golden["detections"][0]
    assert set(best) == {"label", "index", "score", "box"} and best["label"] in run.labels
    assert best["box"] == pytest.approx(exact["boxes"][0].tolist(), abs=0.01)
    drawn = np.asarray(Image.open(bundles[0].path / "golden_boxes.png"))
    assert drawn.shape == image.shape[1:] and (drawn != image[0]).any()


@pytest.mark.parametrize(
    "coder",
    (
        *(DeltaCoder(), DeltaCoder((10.0, 10.0, 5.0, 5.0), None), DistanceCoder(), RootCoder()),
        *(CellCoder(reaches=((8, 1.2),)), CellCoder("square", 2.0), ShareCoder()),
    ),
)
def test_each_kind_of_code_becomes_boxes_as_the_layer_makes_them(coder):
    cells = CellAnchors((((10, 14), (20, 9)), ((30, 40),)), (8, 16))
    layer = DecodeBoxes(cells, coder, [(4, 6), (2, 3)], (32, 48), {"name": "yolov3"})
    model = SimpleNamespace(name="toy", get_layer=lambda name: layer)
    codes = np.random.default_rng(0).uniform(-1, 1, (2, 54, 4)).astype("float32")
    how, anchors = box_codes.coded(model), box_codes.anchors_of(model)
    assert anchors.shape == (54, box_codes.width_of(how))
    if isinstance(coder, ShareCoder):  # of the whole input
        layer.anchors = Everywhere(54).lay((32, 48), [(1, 1)])
        anchors = box_codes.anchors_of(model)
    found = box_codes.decode(codes, anchors, how)
    assert found == pytest.approx(np.asarray(layer(codes)), abs=1e-3)
    for code in (box_codes.kotlin(how), box_codes.swift(how)):
        assert code.count("{") == code.count("}") > 2 and code.count("(") == code.count(")")


def test_what_the_quantiser_cannot_run_is_refused_in_a_sentence():
    layer = DeformableAttention(num_heads=2, points=1, grids=((8, 8),))
    model = SimpleNamespace(name="toy", layers=[layer])
    with pytest.raises(ExportError, match="toy attends to points .*no int8 file"):
        boxes.Boxes({"output": {"kind": "set"}}).to_convert(model, "int8")


def test_a_set_is_the_same_in_another_order():
    """Queries of RT-DETR that are nearly as sure may come in either one; anchors may not."""
    rng = np.random.default_rng(0)
    shapes = {"boxes": (2, 5, 4), "scores": (2, 5, 3)}
    expected = {key: rng.uniform(0, 1, shape).astype("float32") for key, shape in shapes.items()}
    expected["boxes"][..., 2:] += 1
    found = {key: value[:, [3, 1, 0, 4, 2]] for key, value in expected.items()}
    images = Images(np.zeros((2, 32, 32, 3), np.uint8), None, "noise")
    far = {
        kind: boxes.Boxes({"output": {"kind": kind}}).compare(expected, found, images)
        for kind in ("boxes", "set")
    }
    assert far["set"].max_difference == 0 and far["set"].agreement == 1
    assert far["boxes"].max_difference > 0.1


def test_the_golden_of_a_set_has_boxes_that_overlap(tmp_path):
    """What `kapps.detections` keeps of DETR's queries; of anchors only the best one stays."""
    said = {"boxes": np.float32([[[2, 2, 30, 30], [3, 3, 31, 31], [40, 2, 60, 30]]])}
    said["scores"] = np.float32([[[0, 0.9], [0, 0.8], [0.7, 0]]])
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    runner = SimpleNamespace(predict=lambda images: said)
    found = {}
    for kind in answers.KINDS:
        golden = boxes.Boxes({"output": {"kind": kind}}).golden(tmp_path, image, runner, None)
        found[kind] = [row["score"] for row in golden["detections"]], golden["iou"]
    assert found == {
        "boxes": (pytest.approx([0.9, 0.7], abs=1e-4), 0.5),
        "background": (pytest.approx([0.9], abs=1e-4), 0.5),
        "set": (pytest.approx([0.9, 0.8, 0.7], abs=1e-4), None),
    }


def test_the_page_tells_a_phone_how(bundles):
    exact, whole = ((bundle.path / "README.md").read_text() for bundle in bundles)
    assert "fun detect(" in exact and "func detect(" in exact and "fun decode(" not in exact
    assert "fun decode(" in whole and "anchors.bin" in whole and "mAP@0.5 there" in whole
    assert (bundles[1].path / "anchors.bin").stat().st_size == 64 * 4 * 4


def test_the_commands_answer_for_a_run_and_for_its_file(run, bundles, tmp_path, capsys):
    from kapps.recipes import evaluate, predict

    uri = run.settings["data"]
    for model in (run.path, bundles[1].path):
        told = evaluate.Settings(model=str(model), data=uri, split="val", json=True)
        result = evaluate.run(told)
        assert json.loads(capsys.readouterr().out) == result
        assert {"map50", "map", "per_class", "images"} <= set(result) and result["images"] == 4
        assert result["map50"] > 0.6
    found = data.load(uri, annotation="boxes", size=SIZE, split="val")
    photo = uri.partition(":")[2] + "/JPEGImages/" + found.names[0].rpartition("/")[2]
    photo = photo if photo.endswith(".png") else photo + ".png"
    told = predict.Settings(
        images=(photo,), model=str(bundles[0].path), save_images=str(tmp_path), json=True
    )
    (said,) = predict.run(told)
    assert json.loads(capsys.readouterr().out) == [said]
    best = said["detections"][0]
    marks = found.labels[0]
    # In pixels of the photo, 96x72, and not of the input, 64x64.
    assert np.abs(marks.boxes - best["box"]).max(axis=1).min() < 6
    assert Image.open(next(tmp_path.glob("*.png"))).size == (96, 72)
    with pytest.raises(ValueError, match="tta=flip averages answers"):
        predict.run(predict.Settings(images=(photo,), model=str(run.path), tta="flip"))


def test_what_is_pointed_at_has_no_bundle():
    source = Source(None, "SAMBase", {"task": "prompting"}, None, None, None, "SAMBase")
    with pytest.raises(ExportError, match="SAMBase takes points, boxes and masks .* kapps.segment"):
        _ = source.image_shape
