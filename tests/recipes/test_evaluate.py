import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

from kapps.cli.settings import main
from kapps.errors import KappsError
from kapps.recipes import _predictor, evaluate

KEYS = {"top1", "top5", "loss", "images", "per_class", "confusion", "skipped"}


@pytest.fixture(scope="module")
def digit_files(tmp_path_factory):
    """Forty of the digits as files, in folders by class; 3 is missing, one file is damaged."""
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("digit_files")
    data = load_digits()
    for i, (image, label) in enumerate(zip(data.images[:40], data.target, strict=False)):
        if label != 3:
            (root / str(label)).mkdir(exist_ok=True)
            pixels = np.rint(image * (255 / 16)).astype("uint8")
            Image.fromarray(pixels).save(root / str(label) / f"{i}.png")
    (root / "4" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def test_a_run_is_judged_by_what_it_held_out(run_folder, capsys):
    from kapps import runs

    result = evaluate.run(evaluate.Settings(model=str(run_folder), json=True))
    assert json.loads(capsys.readouterr().out) == result
    assert set(result) >= KEYS
    best = runs.Run.open(run_folder).metrics["best"]
    assert result["split"] == "val"
    assert result["top1"] == pytest.approx(best["val_accuracy"])
    assert result["loss"] == pytest.approx(best["val_loss"], rel=1e-4)
    assert result["top1"] <= result["top5"] <= 1
    matrix = np.array(result["confusion"]["matrix"])
    assert matrix.sum() == result["images"]
    assert np.trace(matrix) / matrix.sum() == pytest.approx(result["top1"])
    assert sum(row["images"] for row in result["per_class"]) == result["images"]


def test_numbers_equal_scikit_learn(run_folder):
    from kapps import data

    predictor = _predictor.load_any(str(run_folder))
    dataset = data.load("digits", split="all", transform=predictor.transform, limit=200)
    images, labels = (np.concatenate(part) for part in zip(*dataset, strict=True))
    answers = predictor.predict(images)
    result = evaluate.run(
        evaluate.Settings(str(run_folder), data="digits", split="all", limit=200, batch_size=48)
    )
    assert result["top1"] == pytest.approx(metrics.accuracy_score(labels, answers.argmax(1)))
    assert result["top5"] == pytest.approx(metrics.top_k_accuracy_score(labels, answers, k=5))
    assert result["loss"] == pytest.approx(metrics.log_loss(labels, answers), rel=1e-3)


def test_folders_are_matched_by_name(run_folder, digit_files):
    """A class that is missing must not shift those behind it."""
    result = evaluate.run(evaluate.Settings(str(run_folder), data=f"folder:{digit_files}"))
    assert [row["index"] for row in result["per_class"]] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [row["label"] for row in result["per_class"]] == list("012456789")
    assert all(
        set(row) == {"index", "wnid", "label", "images", "top1"} for row in result["per_class"]
    )
    assert result["top1"] > 0.6
    (skipped,) = result["skipped"]
    assert "damaged.png" in skipped["image"]
    assert skipped["reason"]


def test_a_bare_checkpoint_is_as_good_as_its_run(run_folder, tmp_path):
    """It carries its own way to cut pictures, also far from the run folder."""
    whole = evaluate.run(evaluate.Settings(str(run_folder), limit=100))
    inside = evaluate.run(evaluate.Settings(str(run_folder / "best.keras"), limit=100))
    for key in KEYS:
        assert whole[key] == inside[key]
    moved = shutil.copy(run_folder / "best.keras", tmp_path / "model.keras")
    ask = {"data": "digits", "split": "val", "limit": 100}
    outside = evaluate.run(evaluate.Settings(str(moved), **ask))
    for key in ("top1", "top5", "loss", "images"):
        assert whole[key] == outside[key]


@pytest.mark.parametrize("form", ["litert", "saved_model"])
def test_exported_models_are_measured_alike(run_folder, tmp_path, form):
    from kapps import export

    export.export(str(run_folder), tmp_path / "bundle", format=form)
    whole = evaluate.run(evaluate.Settings(str(run_folder), limit=60))
    bundle = evaluate.run(
        evaluate.Settings(str(tmp_path / "bundle"), data="digits", split="val", limit=60)
    )
    assert bundle["top1"] == whole["top1"]
    assert bundle["loss"] == pytest.approx(whole["loss"], rel=1e-3)
    assert bundle["confusion"]["labels"] == whole["confusion"]["labels"]


def test_the_tables(run_folder, capsys):
    assert main(evaluate.Settings, evaluate.run, [str(run_folder), "--limit", "60"]) == 0
    text = capsys.readouterr().out
    assert "top-1 %" in text
    assert "confusion" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.keras"], "nowhere.keras"),
        (["{run}", "--data", "folder:nowhere"], "nowhere"),
        (["{run}", "--data", "folder:{cats}"], "cat"),
        (["EfficientNetLite0"], "--data"),
        (["{run}", "--split", "test"], "test"),
        (["{run}", "--split", "rest"], "rest"),
    ],
)
def test_bad_input_is_one_line(run_folder, tmp_path, capsys, words, sentence):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / name / "0.png")
    words = [word.format(run=run_folder, cats=tmp_path) for word in words]
    assert main(evaluate.Settings, evaluate.run, words) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_labels_of_a_folder_named_by_wnid(tmp_path):
    """A run trained on folders named by wnid predicts wnids with their ImageNet labels."""
    predictor = _predictor._predictor(
        "run", "keras", ["n02123045", "n02099601"], 2, {"size": 8}, lambda images: images
    )
    assert predictor.wnids == ("n02123045", "n02099601")
    assert predictor.labels == ("tabby", "golden_retriever")
    unnamed = _predictor._predictor("run", "keras", None, 3, {"size": 8}, lambda images: images)
    assert unnamed.labels == ("0", "1", "2")
    assert unnamed.class_names is None
    with pytest.raises(KappsError):
        _predictor.load_any(str(tmp_path / "nothing.tflite"))


def test_corruptions_by_severity_are_in_the_report(run_folder, capsys):
    """Severity 0.4 of the contrast is above 0.05 of it; the run's page shows the table."""
    settings = evaluate.Settings(
        str(run_folder), limit=40, corruptions=("contrast", "pixelate"), severities=(1, 5)
    )
    found = evaluate.run(settings)["corruptions"]
    assert found["metric"] == "accuracy" and 0 <= found["clean"] <= 1
    assert [row["corruption"] for row in found["rows"]] == ["contrast", "pixelate"]
    values = [value for row in found["rows"] for value in row["severities"].values()]
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["rows"][0]["severities"][5] <= found["rows"][0]["severities"][1]
    assert "pixelate" in capsys.readouterr().out
    assert "Common corruptions" in (run_folder / "report.html").read_text("utf-8")
    with pytest.raises(KappsError, match="corruptions='fogg' is none; did you mean 'fog'"):
        evaluate.run(evaluate.Settings(str(run_folder), corruptions=("fogg",)))
