import dataclasses
import importlib.util
import json
import zipfile

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from kapps.errors import ExportError, KappsError, MissingFileError
from kapps.export import Bundle, export, flatbuffer
from kapps.export.litert import Runner
from tests.export.conftest import LABELS, MODES, SIZE


def first_of(bundle):
    """The operators of a bundle's file, in order, without what unpacks weights."""
    contents = flatbuffer.parse(bundle.model.read_bytes())
    return [op.name for op in contents.operators if op.name != "DEQUANTIZE"]


@pytest.mark.parametrize("mode", MODES)
def test_a_bundle_keeps_its_promises(exported, mode):
    bundle = exported(mode)
    check = bundle.report["verification"]
    assert check["keras_top1"] > 0.9
    assert abs(check["drop"]) <= 2
    assert check["agreement"] >= 0.97
    assert bundle.labels == LABELS
    assert bundle.spec["input"]["shape"] == [1, SIZE, SIZE, 3]
    whole = mode == "int8"
    for end in ("input", "output"):
        assert bundle.spec[end]["dtype"] == ("uint8" if whole else "float32")
        assert bool(bundle.spec[end]["quantization"]) == whole
    assert not any(name.startswith("CUSTOM") for name in bundle.spec["ops"])
    assert bundle.spec["min_runtime"]


@pytest.mark.parametrize("mode", MODES)
def test_the_golden_image_gives_what_golden_json_says(exported, mode):
    # With the bare runtime, as an app has it: none of our code between the files and the answer.
    bundle = exported(mode)
    golden = json.loads((bundle.path / "golden.json").read_text())
    pixels = np.asarray(Image.open(bundle.path / "golden.png"))
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8
    interpreter = Interpreter(model_path=str(bundle.model))
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], pixels[None].astype(image["dtype"]))
    interpreter.invoke()
    found = interpreter.get_tensor(scores["index"])[0]
    if mode == "int8":
        assert found.tolist() == golden["stored"]
        q = bundle.spec["output"]["quantization"]
        found = (found.astype("float32") - q["zero_point"]) * q["scale"]
    np.testing.assert_allclose(found, golden["output"], atol=1e-6)
    best = golden["top"][0]
    assert best["index"] == found.argmax() and best["label"] == LABELS[best["index"]]


def test_int8_takes_raw_pixels_without_an_operator_for_the_normalisation(exported):
    bundle = exported("int8")
    # (x - 127) / 128 is the affine quantisation itself; QUANTIZE only moves uint8 to int8.
    assert bundle.spec["input"]["quantization"] == {"scale": 1 / 128, "zero_point": 127}
    assert first_of(bundle)[:2] == ["QUANTIZE", "CONV_2D"]


def test_float_keeps_one_subtraction(exported):
    assert first_of(exported("float32"))[:2] == ["ADD", "CONV_2D"]


def test_sizes_follow_the_modes(exported):
    sizes = {mode: exported(mode).spec["bytes"] for mode in MODES}
    assert sizes["float16"] < sizes["float32"]
    weights = {}
    for mode in MODES:
        contents = flatbuffer.parse(exported(mode).model.read_bytes())
        weights[mode] = {op.name for op in contents.operators}
        assert "MUL" not in weights[mode]
    assert "DEQUANTIZE" not in weights["int8"] | weights["float32"]


def test_labels_are_packed_uncompressed_for_mediapipe(exported):
    with zipfile.ZipFile(exported("int8").model) as archive:
        assert archive.read("labels.txt").decode().splitlines() == LABELS
        assert archive.getinfo("labels.txt").compress_type == zipfile.ZIP_STORED


def test_the_page_is_right_for_this_model(exported):
    page = (exported("int8").path / "README.md").read_text()
    scale = exported("int8").spec["output"]["quantization"]["scale"]
    assert f"ByteBuffer.allocateDirect({SIZE} * {SIZE} * 3)" in page
    assert f"* {scale!r}f" in page and "arrayOf(ByteArray(10))" in page
    assert "var values: [UInt8]" in page
    page = (exported("float32").path / "README.md").read_text()
    assert f"ByteBuffer.allocateDirect({SIZE} * {SIZE} * 3 * 4)" in page
    assert "arrayOf(FloatArray(10))" in page and "var values: [Float32]" in page
    assert "com.google.ai.edge.litert" in page


def test_saved_model(exported, digits):
    from kapps.export.runners import open_model

    bundle = exported("saved_model")
    assert bundle.report["verification"]["max_difference"] < 1e-4
    images, labels = digits
    assert np.mean(open_model(bundle.path).predict(images).argmax(1) == labels) > 0.9


def test_a_saved_model_holds_each_weight_once(exported, trained, digits):
    model = keras.saving.load_model(trained)
    files = exported("saved_model").model
    stored = (files / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert stored < 4 * model.count_params() + 20_000  # and the names
    images = digits[0][:4].astype("float32")
    served = keras.layers.TFSMLayer(str(files), call_endpoint="serve")(images)
    np.testing.assert_allclose(served, model(images), atol=1e-5)


def test_onnx_or_how_to_get_it(trained, tmp_path):
    words = {"format": "onnx", "data": "digits", "labels": LABELS}
    if importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime"):
        bundle = export(trained, tmp_path / "bundle", **words)
        assert bundle.report["verification"]["max_difference"] < 1e-4
    else:
        with pytest.raises(KappsError, match=r"pip install 'kapps\[onnx\]'"):
            export(trained, tmp_path / "bundle", **words)


def test_batches_are_static_and_a_short_one_is_filled_up(trained, digits, exported, tmp_path):
    bundle = export(trained, tmp_path / "four", batch_size=4, data="digits", labels=LABELS)
    runner = Runner(bundle.path)
    assert runner.input.shape == (4, SIZE, SIZE, 3)
    images = digits[0][:6]
    expected = Runner(exported("float32").path).predict(images)
    np.testing.assert_allclose(runner.predict(images), expected, atol=1e-5)


def outlier(trained):
    """The same function with one activation channel 3000 times larger: int8 cannot hold both."""
    model = keras.saving.load_model(trained)
    project, dense = model.get_layer("block_project_conv"), model.get_layer("predictions")
    channels = project.filters
    factor = np.ones(channels, "float32")
    factor[0] = 3000
    project.kernel.assign(np.asarray(project.kernel) * factor)
    project.bias.assign(np.asarray(project.bias) * factor)
    rows = np.tile(factor, dense.kernel.shape[0] // channels)[:, None]
    dense.kernel.assign(np.asarray(dense.kernel) / rows)
    return model


def test_a_collapse_fails_names_layers_and_leaves_nothing(trained, tmp_path):
    out = tmp_path / "bundle"
    with pytest.raises(ExportError) as error:
        export(
            outlier(trained),
            out,
            quantize="int8",
            calibrate="digits",
            data="digits",
            labels=LABELS,
        )
    text = str(error.value)
    assert "top-1 accuracy fell" in text and "--max-drop" in text and "block_project_conv" in text
    assert not out.exists()
    report = json.loads((tmp_path / "bundle.failed-report.json").read_text())
    assert report["verification"]["drop"] > 2 and report["layers"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.failed-report.json"]


def test_of_several_modes_one_that_fails_leaves_the_others(trained, tmp_path, monkeypatch):
    from kapps.export import verify

    real = verify.failure
    monkeypatch.setattr(
        verify, "failure", lambda found, mode, *more: "too bad." if mode == "float16"
        else real(found, mode, *more),
    )  # fmt: skip
    with pytest.raises(ExportError, match="float16: digits_net was not exported: too bad") as said:
        export(trained, tmp_path / "all", quantize=MODES[:2], data="digits", labels=LABELS)
    assert str(said.value).endswith(f"Exported: {tmp_path / 'all' / 'float32'}.")
    assert Bundle.open(tmp_path / "all" / "float32").spec["quantize"] == "float32"
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert names == {"float32", "float16.failed-report.json"}


def test_several_modes_give_the_files_of_each_alone(trained, exported, tmp_path):
    alone = export(
        trained, tmp_path / "int8", quantize="int8", calibrate="digits", data="digits",
        labels=LABELS,
    )  # fmt: skip
    assert alone.model.read_bytes() == exported("int8").model.read_bytes()
    assert alone.spec == exported("int8").spec


def test_a_failure_keeps_the_older_bundle(trained, exported, tmp_path, monkeypatch):
    from kapps.export import verify

    out = tmp_path / "bundle"
    export(trained, out, data="digits", labels=LABELS)
    before = (out / "model.tflite").read_bytes()
    monkeypatch.setattr(verify, "failure", lambda *a: "it is wrong.")
    with pytest.raises(ExportError, match="it is wrong"):
        export(trained, out, data="digits", labels=LABELS)
    assert (out / "model.tflite").read_bytes() == before
    monkeypatch.undo()
    export(trained, out, data="digits", labels=LABELS)
    assert not (tmp_path / "bundle.failed-report.json").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"format": "coreml"}, "format='coreml' is not known"),
        ({"quantize": "int4"}, "quantize='int4' is not a mode"),
        ({"format": "onnx", "quantize": "int8"}, "only litert files are quantised"),
        ({"calibrate": "digits"}, "only int8 measures ranges"),
        ({"format": "saved_model", "batch_size": 2}, "takes any number of images"),
        ({"batch_size": 0}, "give 1 or more"),
        ({"max_drop": -1}, "is not a number of points"),
        ({"max_images": 0}, "give 1 or more"),
    ],
)
def test_words_that_do_not_go_together(trained, tmp_path, words, sentence):
    with pytest.raises(ValueError, match=sentence):
        export(trained, tmp_path / "bundle", **words)


def test_int8_needs_images(trained, tmp_path):
    with pytest.raises(ValueError, match="give --calibrate"):
        export(trained, tmp_path / "bundle", quantize="int8")


def test_the_output_folder_is_never_someone_elses(trained, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="is not a bundle"):
        export(trained, tmp_path / "photos")
    with pytest.raises(ValueError, match="is a file"):
        export(trained, tmp_path / "photos" / "cat.jpg")


def test_what_is_not_a_model(tmp_path, trained):
    out = tmp_path / "bundle"
    with pytest.raises(MissingFileError, match="is not there"):
        export(tmp_path / "gone.keras", out)
    with pytest.raises(ValueError, match="no application 'EfficientNetLite'"):
        export("EfficientNetLite", out)
    with pytest.raises(TypeError, match="int cannot be exported"):
        export(3, out)
    broken = tmp_path / "broken.keras"
    broken.write_bytes(trained.read_bytes()[:1000])
    with pytest.raises(ExportError, match="could not be loaded"):
        export(broken, out)
    with pytest.raises(ExportError, match="expected a .keras file"):
        export(__file__, out)
    with pytest.raises(KappsError, match="is not a run folder"):
        export(tmp_path, out)
    with pytest.raises(ExportError, match="2 labels do not fit the 10 outputs"):
        export(trained, out, labels=["a", "b"])


def test_bundles_are_opened_or_refused(exported, tmp_path):
    bundle = exported("int8")
    assert Bundle.open(bundle.path) == dataclasses.replace(bundle)
    with pytest.raises(ExportError, match="is not a bundle"):
        Bundle.open(tmp_path)
    with pytest.raises(MissingFileError, match="is not there"):
        Bundle.open(tmp_path / "gone")
