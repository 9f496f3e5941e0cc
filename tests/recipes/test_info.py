"""`kapps info`: the table of layers, and what it says of files."""

import json

import keras
import pytest

from kapps.errors import KappsError
from kapps.recipes import info
from kapps.recipes._files import facts


def told(*words, **settings):
    return info.run(info.Settings(*words, **settings))


def test_the_table_of_lenet_is_that_of_the_paper(capsys):
    found = told("LeNet5", layers=True, batch_size=64)
    rows = {row["name"]: row for row in found["layers"]}
    convolutions = [row for row in rows.values() if row["kernel"] == (5, 5)]
    # LeCun et al. (1998), figure 2: 28x28, 10x10, 1x1; each unit of C5 sees the whole 32x32.
    assert [row["output_shape"][1] for row in convolutions] == [28, 10, 1]
    assert [row["receptive_field"][0] for row in convolutions] == [5, 14, 32]
    assert found["totals"]["parameters"] == "61,706"
    text = capsys.readouterr().out
    assert "(32 - 5) / 1 + 1 = 28" in text and "training, 64 images in float32" in text


def test_formats_and_files(tmp_path, capsys):
    page = tmp_path / "lenet.html"
    told("LeNet5", layers=True, format="html", out=str(page))
    assert f"look at {page}" in capsys.readouterr().out
    assert "(5x5x1 + 1) x 6" in page.read_text("utf-8")
    told("LeNet5", layers=True, format="markdown")
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if line.startswith("| layer"))
    assert all(line.count("|") == head.count("|") for line in lines if line.startswith("|"))


def test_a_keras_file(tmp_path, capsys):
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 3, name="conv")(image), name="own")
    model.save(tmp_path / "own.keras")
    found = told(str(tmp_path / "own.keras"), layers=True, json=True)
    assert found["params"] == (3 * 3 * 3 + 1) * 2
    assert json.loads(capsys.readouterr().out)["layers"][1]["receptive_field"] == [3, 3]


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"format": "html"}, "add --layers"),
        ({"size": 64}, "add --layers"),
        ({"layers": True, "out": "x.txt"}, "--format markdown, html or json"),
    ],
)
def test_settings_that_have_no_effect_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        told("LeNet5", **settings)


def test_what_is_no_model_is_said(tmp_path):
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(b"not a model at all")
    with pytest.raises(KappsError, match="no .tflite file"):
        facts(wrong)
    with pytest.raises(KappsError, match="folder without a model"):
        told(str(tmp_path))
    with pytest.raises(KappsError, match="there is no model file"):
        told("missing.keras")
