"""`kapps benchmark`: what it reports, and what it refuses. No test looks at a time."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kapps.export import export
from kapps.recipes import _steps, benchmark

SIZE = 16
KEYS = {
    "model", "format", "ms", "ms_low", "ms_high", "mb", "operators", "macs", "memory_mb",
    "added_mb", "top1", "images",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{"keras": path, "float32": bundle, "saved_model": bundle} of one tiny network."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    folder = tmp_path_factory.mktemp("benchmark")
    network.save(folder / "tiny.keras")
    made = {"keras": folder / "tiny.keras"}
    labels = [str(digit) for digit in range(10)]
    for name, form in (("float32", "litert"), ("saved_model", "saved_model")):
        made[name] = export(network, folder / name, format=form, labels=labels).path
    return made


def test_two_in_turns_with_accuracy(files, capsys):
    settings = benchmark.Settings(
        model=str(files["float32"]),
        against=str(files["float32"] / "model.tflite"),
        data="digits",
        rounds=3,
        json=True,
    )
    result = benchmark.run(settings)
    assert json.loads(capsys.readouterr().out) == result
    first, second = result["models"]
    assert set(first) == KEYS
    side = SIZE - 2
    assert first["macs"] == side * side * 4 * 27 + 4 * 10
    assert first["operators"] == second["operators"] and first["mb"] == second["mb"]
    assert first["images"] == 1000 and first["top1"] == second["top1"]
    assert 0 < first["ms_low"] <= first["ms"] <= first["ms_high"]
    assert first["memory_mb"] > first["added_mb"] >= 0
    against = result["against"]
    assert 0 < against["low"] <= against["ratio"] <= against["high"]


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_other_kinds(files, kind, capsys):
    result = benchmark.run(benchmark.Settings(model=str(files[kind]), rounds=1))
    (row,) = result["models"]
    assert row["ms"] > 0 and row["mb"] > 0 and result["against"] is None
    assert row["format"] == {"keras": keras.config.backend()}.get(kind, kind)
    assert "quartiles" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.tflite"], "gone.tflite is not there"),
        (["runs/gone"], "runs/gone is not there"),
        (["Nonsense"], "no application 'Nonsense'"),
        (["PAGE"], "is not a .tflite file"),
        (["BUNDLE", "--rounds", "0"], "rounds=0 is not possible"),
        (["BUNDLE", "--threads", "0"], "threads=0 is not possible"),
        (["BUNDLE", "--against", "gone.onnx"], "gone.onnx is not there"),
    ],
)
def test_errors_are_one_sentence_and_status_2(files, tmp_path, words, sentence):
    page = tmp_path / "page.tflite"
    page.write_text("<html>not found</html>")
    places = {"BUNDLE": str(files["float32"]), "PAGE": str(page)}
    done = subprocess.run(
        [sys.executable, "-m", "kapps.recipes.benchmark", *(places.get(w, w) for w in words)],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 2 and sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_quartiles_by_hand():
    assert _steps.quartiles([4.0]) == (4.0, 4.0, 4.0)
    assert _steps.quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx((2, 3, 4))
    assert np.all(np.diff(_steps.quartiles([3.0, 1.0, 2.0])) >= 0)
