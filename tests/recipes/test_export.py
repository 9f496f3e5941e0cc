"""`kapps export` as people call it, in child processes."""

import json
import os
import subprocess
import sys

import keras
import pytest

from kapps.recipes import export

SIZE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a tiny, untrained network with ten outputs."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    network.save(path)
    return path


def kapps(*words, backend="tensorflow"):
    return subprocess.run(
        [sys.executable, "-m", "kapps.recipes.export", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )


@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=pytest.mark.sweep)])
def test_from_other_backends(model, tmp_path, backend):
    out = tmp_path / "bundle"
    done = kapps(model, "--quantize", "int8", "--calibrate", "digits", "--out", out, "--json",
                 "--max-drop", "100", backend=backend)  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"bundle", "spec", "report"}
    assert result["spec"]["input"]["dtype"] == "uint8"
    assert (out / "model.tflite").is_file()
    assert "converting" in done.stderr


def test_several_modes_are_a_table_and_a_list(model, tmp_path, capsys):
    words = {"calibrate": "digits", "max_drop": 100.0, "model": str(model)}
    words["quantize"] = "float32, int8"
    result = export.run(export.Settings(**words, out=str(tmp_path / "all"), json=True))
    assert json.loads(capsys.readouterr().out) == result
    modes = [one["spec"]["quantize"] for one in result["bundles"]]
    assert modes == ["float32", "int8"]
    assert [one["bundle"] for one in result["bundles"]] == [
        str(tmp_path / "all" / m) for m in modes
    ]
    export.run(export.Settings(**words, out=str(tmp_path / "all")))
    printed = capsys.readouterr().out
    assert "float32" in printed and "int8" in printed and "top-1" in printed


def test_an_unknown_mode_is_named(model, tmp_path):
    with pytest.raises(ValueError, match="quantize='int9' is not a mode; expected one of float32"):
        export.run(export.Settings(model=str(model), quantize="float32,int9", out=str(tmp_path)))


def test_the_summary_has_the_line_for_gradle(model, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"class {i}\n" for i in range(10)))
    done = kapps(model, "--labels", labels, "--out", tmp_path / "bundle", "--name", "Tiny")
    assert done.returncode == 0, done.stderr
    assert 'implementation("com.google.ai.edge.litert:litert' in done.stdout
    assert "pod 'TensorFlowLiteSwift'" in done.stdout
    assert "Tiny, litert float32" in done.stdout
    assert "same answer on 100.0 %" in done.stdout
    assert (tmp_path / "bundle" / "labels.txt").read_text() == labels.read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.keras"], "gone.keras is not there"),
        (["runs/gone"], "runs/gone is not there"),
        (["MODEL", "--quantize", "int8"], "give --calibrate"),
        (["MODEL", "--quantize", "int4"], "expected one of float32, float16"),
        (["MODEL", "--format", "onnx", "--quantize", "int8"], "only litert files are quantised"),
        (["MODEL", "--labels", "gone.txt"], "--labels gone.txt cannot be read"),
        (["MODEL", "--max-dorp", "3"], "did you mean"),
        ([], "MODEL is missing"),
    ],
)
def test_errors_are_one_sentence_and_status_2(model, tmp_path, words, sentence):
    words = [str(model) if word == "MODEL" else word for word in words]
    done = kapps(*words, "--out", tmp_path / "bundle")
    assert done.returncode == 2 and sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "error" in line]) == 1
    assert not (tmp_path / "bundle").exists()


def test_labels_with_holes(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("cat\n\ndog\n")
    with pytest.raises(ValueError, match="has empty lines"):
        export._labels(str(path))
