"""Many strings in little memory: equal to the list of them, and small."""

import numpy as np
import pytest

from kapps.data import find, splits
from kapps.data.texts import Numbered, Texts

from . import pictures

STRINGS = ["a/b/1.jpg", "a/b/2.jpg", "", "猫/фото.png", "plain", "a/", "a/b/1.jpg", "bad\udcff"]


def test_texts_are_the_list():
    texts = Texts.of(iter(STRINGS))
    assert texts == STRINGS and len(texts) == 8 and list(texts) == STRINGS
    assert texts[-1] == STRINGS[-1] and texts[2:5] == STRINGS[2:5]
    assert texts.under("x/") == [f"x/{text}" for text in STRINGS]
    assert Texts.joined([texts, Texts.of([]), texts.under("y/")]) == STRINGS + [
        f"y/{text}" for text in STRINGS
    ]
    assert Texts.joined([]) == [] and Texts.of([]) == []
    with pytest.raises(IndexError):
        texts[8]
    assert Numbered("x", 3) == ["x[0]", "x[1]", "x[2]"] and Numbered("x", 3)[-1] == "x[2]"


def test_a_name_of_imagenet_takes_its_letters_and_eight_bytes():
    names = [f"n{i % 1000:08d}/n{i % 1000:08d}_{i}.JPEG" for i in range(20_000)]
    texts = Texts.of(names)
    letters = sum(len(name.rpartition("/")[2]) for name in names)
    assert len(texts.block) == letters
    assert texts.numbers.nbytes + texts.ends.nbytes == 8 * len(names)
    assert texts.under("/data/").block is texts.block  # paths and names share it


def test_a_folder_keeps_its_names_once(tmp_path):
    pictures.write_class_folders(tmp_path, {"a/x": 2, "a-b": 1, "b": 3})
    part = find(str(tmp_path)).parts["all"]
    assert part.items.block is part.names.block
    assert part.items == [str(tmp_path / name) for name in part.names]
    chosen = splits.select(find(str(tmp_path)), "train", 0.3)
    assert isinstance(chosen.names[0], str) and not isinstance(chosen.names, list)


def test_paths_sort_as_paths_do(tmp_path):
    """By folder first: "a/z.jpg" before "a-b/1.jpg", which the letters alone would turn round."""
    pictures.write_class_folders(tmp_path, {"c/a": 1, "c/a-b": 1, "c": 1, "d": 1})
    names = find(str(tmp_path)).parts["all"].names
    expected = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jpg"))
    assert names == [path.as_posix() for path in expected]
    assert np.array_equal(find(str(tmp_path)).parts["all"].labels, [0, 0, 0, 1])
