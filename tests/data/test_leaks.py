"""Identical pictures on both sides of a split."""

import numpy as np

from kapps import data
from kapps.data import leaks
from kapps.data.sources import Source
from kapps.training import watching
from tests.training.conftest import photos


def source(items):
    return Source(items, np.zeros(len(items), int), [f"{i}" for i in range(len(items))])


def test_files_and_arrays(tmp_path):
    """Same size and middle, another end; the same bytes under another name; a file that is gone."""
    body = np.random.default_rng(0).bytes(20_000)
    files = {"a": body, "b": body[:-1] + b"?", "c": body, "d": b"", "e": b"", "gone": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "gone").unlink()
    ours = [str(tmp_path / name) for name in ("a", "d", "gone")]
    theirs = [str(tmp_path / name) for name in ("b", "c", "e", "gone")]
    assert leaks.between(source(ours), source(theirs)) == [("0", "1"), ("1", "2")]
    arrays = np.arange(48, dtype="uint8").reshape(4, 3, 4)
    assert leaks.between(source(arrays), source(arrays[3:])) == [("3", "0")]
    assert leaks.between(source([b"x"]), source([b"x"])) == []
    assert leaks.between(source(ours), source([b"x"])) == []


def test_of_many_evenly_chosen_ones_are_looked_at(monkeypatch):
    monkeypatch.setattr(leaks, "MOST", 50)
    rows = np.arange(1000, dtype=">u2").view("uint8").reshape(1000, 1, 2)
    found = leaks.between(source(rows), source(rows[::-1]))
    assert ("0", "999") in found and ("999", "0") in found and len(found) <= 50


def test_a_training_is_told_in_a_sentence_each(tmp_path):
    parts = tmp_path / "parts"
    photos(parts / "train", ("cat", "cow", "dog"))
    for name in ("cat", "cow", "dog"):
        (parts / "val" / name).mkdir(parents=True)
    copy = (parts / "train" / "dog" / "3.png").read_bytes()
    (parts / "val" / "dog" / "again.png").write_bytes(copy)
    train, judge = (data.load(f"folder:{parts}", split=s, size=8) for s in ("train", "val"))
    empty, unjudged, leak = watching.pictures(["emu"], train, judge)
    assert "a class without images: emu cannot" in empty
    assert "no picture to judge by of cat, cow:" in unjudged
    assert (
        "1 of the training are judged by too, such as train/dog/3.png and val/dog/again.png" in leak
    )
