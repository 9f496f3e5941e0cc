"""`--val`: images to judge by in a data set of their own, found again by the jobs that follow."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kapps import runs
from kapps.errors import DataError, MissingFileError
from kapps.export import images
from kapps.models import sources
from kapps.recipes import evaluate, finetune, train


def folder(root, classes, count):
    """So many random pictures of 16 pixels a class."""
    random = np.random.default_rng(len(classes) * count)
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.integers(0, 256, (16, 16, 3)).astype("uint8")
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Training pictures; others whose classes sort in another order; a divided data set."""
    root = tmp_path_factory.mktemp("places")
    folder(root / "photos", ("Cat", "ant", "dog"), 8)
    folder(root / "others", ("cat", "dog"), 3)
    folder(root / "divided" / "train", ("ant", "cat"), 8)
    folder(root / "divided" / "valid", ("ant", "cat"), 2)
    return root


def settings(places, out, **changes):
    values = {"model": "LeNet5", "data": str(places / "photos"), "val": str(places / "others")}
    return train.Settings(**{**values, "out": str(out), "epochs": 1, "batch_size": 4, **changes})


def test_a_data_set_to_judge_by(places, tmp_path, capsys):
    result = train.run(settings(places, tmp_path / "run"))
    said = capsys.readouterr().err
    assert "24 images to train on, 6 to judge by, 3 classes" in said  # nothing is held out
    assert f"validating on {places / 'others'} (6 images)" in said
    run = runs.Run.open(tmp_path / "run")
    assert (run.settings["val"], run.settings["validation"]) == (str(places / "others"), 0.0)
    for split in ("auto", "val"):
        measured = evaluate.run(evaluate.Settings(model=str(run.path), split=split))
        assert (measured["data"], measured["images"]) == (str(places / "others"), 6)
        assert measured["top1"] == pytest.approx(result["best"]["val_accuracy"])
        assert measured["loss"] == pytest.approx(result["best"]["val_loss"], rel=1e-4)
    # "cat" is class 0 there and so it is here, "dog" is class 1 there and 2 here.
    assert [row["index"] for row in measured["per_class"]] == [0, 2]
    source = sources.resolve(str(run.path))
    uri = images.judging(source, None)
    judged = images.load(source, uri, split="auto", limit=99, labelled=True)
    assert judged.where == f"{places / 'others'} (all)"
    np.testing.assert_array_equal(np.bincount(judged.labels), (3, 0, 3))
    again = train.run(settings(places, tmp_path / "run", resume=True))
    assert again["best"] == result["best"]


def test_a_folder_beside_the_training_part_is_named(places, tmp_path, capsys):
    train.run(settings(places, tmp_path / "run", data=str(places / "divided"), val=None))
    assert f"validating on {places / 'divided' / 'valid'} (4 images)" in capsys.readouterr().err
    train.run(settings(places, tmp_path / "share", val=None))
    assert "validating on a share of 0.2 (6 images)" in capsys.readouterr().err


def test_features_are_those_of_the_named_data(places, tmp_path):
    train.run(settings(places, tmp_path / "start"))
    values = {"model": str(tmp_path / "start"), "data": str(places / "photos"), "epochs": 0}
    out = tmp_path / "run"
    options = {"val": str(places / "others"), "epochs_head": 2, "batch_size": 4}
    result = finetune.run(finetune.Settings(**values, out=str(out), **options))
    measured = evaluate.run(evaluate.Settings(model=str(out)))
    assert measured["images"] == 6
    assert measured["top1"] == pytest.approx(result["best"]["val_accuracy"])
    assert measured["loss"] == pytest.approx(result["best"]["val_loss"], rel=1e-3)


def test_what_does_not_fit_is_refused_before_anything_is_written(places, tmp_path):
    out = tmp_path / "run"
    other = folder(tmp_path / "more", ("cat", "zebra"), 1)
    with pytest.raises(DataError, match=r"more has the class 'zebra', which is not one of the 3"):
        train.run(settings(places, out, val=str(other)))
    with pytest.raises(MissingFileError, match="nowhere"):
        train.run(settings(places, out, val="folder:nowhere"))
    with pytest.raises(ValueError, match=r"validation=0\.3 sets images .* aside"):
        train.run(settings(places, out, validation=0.3))
    assert not out.exists()
    shutil.rmtree(other)
