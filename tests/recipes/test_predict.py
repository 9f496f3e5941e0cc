import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kapps.cli.settings import main
from kapps.errors import KappsError
from kapps.recipes import predict


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """scikit-learn's two photos, one of them twice, beside a text file."""
    from sklearn.datasets import load_sample_images

    root = tmp_path_factory.mktemp("pictures")
    (root / "deeper").mkdir()
    for name, photo in zip(("china", "flower"), load_sample_images().images, strict=True):
        Image.fromarray(photo).save(root / f"{name}.jpg")
    Image.fromarray(photo).save(root / "deeper" / "ümlaut [1].png")
    (root / "notes.txt").write_text("no picture")
    return root


def names(rows):
    return [row["image"].replace("\\", "/").rpartition("/")[2] for row in rows]


def test_the_default_model_knows_photos(pictures, capsys):
    """What everyone sees in these two photos, by the real weights of EfficientNet-Lite0."""
    rows = predict.run(predict.Settings(images=(str(pictures),), top=5, json=True))
    assert json.loads(capsys.readouterr().out) == rows
    assert names(rows) == ["china.jpg", "ümlaut [1].png", "flower.jpg"]  # deeper/ü...
    china, again, flower = rows
    assert [set(row) for row in rows] == [{"image", "predictions"}] * 3
    best = china["predictions"][0]
    assert set(best) == {"index", "wnid", "label", "score"}
    assert (best["index"], best["wnid"], best["label"]) == (698, "n03877845", "palace")
    for row in rows:
        scores = [prediction["score"] for prediction in row["predictions"]]
        assert len(scores) == 5
        assert scores == sorted(scores, reverse=True)
        assert 0 < sum(scores) <= 1.0001
    assert flower["predictions"][0]["label"] == "daisy"
    assert again["predictions"][0]["label"] == "daisy"


def test_files_folders_and_patterns(pictures, run_folder):
    model = {"model": str(run_folder), "top": 1, "json": True}

    def found(*images):
        return names(predict.run(predict.Settings(images=images, **model)))

    both = ["china.jpg", "flower.jpg"]
    assert found(str(pictures / "*.jpg")) == both
    assert found(str(pictures / "**/*.png")) == ["ümlaut [1].png"]
    # A name that looks like a pattern is a name first.
    assert found(str(pictures / "deeper" / "ümlaut [1].png")) == ["ümlaut [1].png"]
    assert found(str(pictures / "flower.jpg"), str(pictures / "china.jpg")) == both[::-1]


def test_a_run_has_its_own_classes(pictures, run_folder):
    rows = predict.run(predict.Settings((str(pictures / "china.jpg"),), str(run_folder), top=99))
    (row,) = rows
    assert sorted(prediction["label"] for prediction in row["predictions"]) == list("0123456789")
    assert {prediction["wnid"] for prediction in row["predictions"]} == {None}
    assert sum(prediction["score"] for prediction in row["predictions"]) == pytest.approx(1, 1e-4)


def test_batches_do_not_change_answers(pictures, run_folder):
    ask = {"images": (str(pictures),), "model": str(run_folder)}
    one = predict.run(predict.Settings(**ask, batch_size=1))
    two = predict.run(predict.Settings(**ask, batch_size=2))
    for a, b in zip(one, two, strict=True):
        for x, y in zip(a["predictions"], b["predictions"], strict=True):
            assert x["score"] == pytest.approx(y["score"], abs=1e-5)


def test_a_damaged_picture_of_a_folder_is_left_out(pictures, run_folder, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes((pictures / "china.jpg").read_bytes()[:5000])
    Image.new("RGB", (40, 40)).save(tmp_path / "fine.png")
    rows = predict.run(predict.Settings((str(tmp_path),), str(run_folder), json=True))
    output = capsys.readouterr()
    assert names(rows) == ["fine.png"]
    assert "left out" in output.err
    assert "broken.jpg" in output.err
    assert len(json.loads(output.out)) == 1  # stdout holds the JSON alone
    with pytest.raises(KappsError, match=r"broken\.jpg"):
        predict.run(predict.Settings((str(tmp_path / "broken.jpg"),), str(run_folder)))
    (tmp_path / "fine.png").unlink()
    with pytest.raises(ValueError, match="none of the 1 pictures"):
        predict.run(predict.Settings((str(tmp_path),), str(run_folder)))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.jpg"], "nowhere.jpg"),
        (["nowhere/*.jpg"], "no file matches"),
        ([], "IMAGES"),
        (["{pictures}/china.jpg", "--model", "nowhere.keras"], "nowhere.keras"),
        (["{pictures}/china.jpg", "--model", "EfficientNetLight0"], "EfficientNetLite0"),
        (["{pictures}/china.jpg", "--model", "LeNet5"], "no published weights"),
        (["{pictures}/china.jpg", "--model", "{pictures}"], "not a run folder"),
        (["{pictures}/china.jpg", "--top", "0"], "top=0"),
        (["{empty}"], "no pictures"),
    ],
)
def test_bad_input_is_one_line(pictures, tmp_path, capsys, words, sentence):
    words = [word.format(pictures=pictures, empty=tmp_path) for word in words]
    assert main(predict.Settings, predict.run, words) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_the_command_line(pictures, run_folder):
    done = subprocess.run(
        [sys.executable, "-m", "kapps.recipes.predict", str(pictures / "china.jpg"), "--json"]
        + ["--model", str(run_folder), "--top", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert len(row["predictions"]) == 2


def test_one_pixel(run_folder, tmp_path):
    Image.fromarray(np.zeros((1, 1), "uint8")).save(tmp_path / "dot.png")
    assert len(predict.run(predict.Settings((str(tmp_path / "dot.png"),), str(run_folder)))) == 1
