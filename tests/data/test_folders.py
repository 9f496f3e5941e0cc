"""Folders of pictures in every layout, and the sentences about what is wrong with them."""

import shutil

import numpy as np
import pytest

from kapps.data import find
from kapps.errors import DataError, MissingFileError

from . import pictures


def listing(part):
    return list(zip(part.names, part.labels.tolist(), strict=True))


def test_one_folder_a_class(tmp_path):
    pictures.write_class_folders(tmp_path, {"dog": 2, "cat": 1})
    collection = find(f"folder:{tmp_path}")
    assert collection.classes == ("cat", "dog")
    assert list(collection.parts) == ["all"]
    assert listing(collection.parts["all"]) == [
        ("cat/0.jpg", 0),
        ("dog/0.jpg", 1),
        ("dog/1.jpg", 1),
    ]
    assert find(str(tmp_path)).classes == collection.classes
    assert find(tmp_path).classes == collection.classes


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Validation"])
def test_train_val_test(tmp_path, validation):
    for part, count in (("train", 3), (validation, 2), ("test", 1)):
        pictures.write_class_folders(tmp_path / part, {"a": count, "b": count})
    parts = find(str(tmp_path)).parts
    assert {split: len(part) for split, part in parts.items()} == {"train": 6, "val": 4, "test": 2}
    assert parts["test"].names == ["test/a/0.jpg", "test/b/0.jpg"]


def test_a_part_may_lack_a_class_but_not_have_another(tmp_path):
    pictures.write_class_folders(tmp_path / "train", {"a": 1, "b": 1})
    pictures.write_class_folders(tmp_path / "test", {"b": 1})
    assert find(str(tmp_path)).parts["test"].labels.tolist() == [1]
    pictures.write_class_folders(tmp_path / "test", {"c": 1})
    with pytest.raises(DataError, match="test/c is a class that .*train does not have"):
        find(str(tmp_path))


def test_only_a_test_part(tmp_path):
    pictures.write_class_folders(tmp_path / "test", {"a": 1, "b": 1})
    collection = find(str(tmp_path))
    assert list(collection.parts) == ["test"] and collection.classes == ("a", "b")


def test_a_class_called_train(tmp_path):
    pictures.write_class_folders(tmp_path, {"train": 2, "bus": 1})
    collection = find(str(tmp_path))
    assert collection.classes == ("bus", "train") and list(collection.parts) == ["all"]


def test_two_names_for_one_part(tmp_path):
    for part in ("train", "val", "validation"):
        pictures.write_class_folders(tmp_path / part, {"a": 1, "b": 1})
    with pytest.raises(DataError, match="has both val/ and validation/; keep one"):
        find(str(tmp_path))


def test_flat_imagenet_files(tmp_path):
    for name in ("n01443537_goldfish.JPEG", "n01440764_tench.JPEG", "n01440764_10026.JPEG"):
        pictures.photo().save(tmp_path / name)
    collection = find(str(tmp_path))
    # A number after the wnid is the number of a picture, as in ImageNet's own files.
    assert collection.classes == ("n01440764", "n01443537_goldfish")
    (tmp_path / "n01440764_10026.JPEG").unlink()
    assert find(str(tmp_path)).classes == ("n01440764_tench", "n01443537_goldfish")


def test_flat_files_inside_train(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("n01443537_1.JPEG", "n01440764_2.JPEG"):
        pictures.photo().save(tmp_path / "train" / name)
    collection = find(str(tmp_path))
    assert list(collection.parts) == ["train"] and collection.classes == ("n01440764", "n01443537")


def test_subfolders_links_and_hidden_files(tmp_path):
    pictures.write_class_folders(tmp_path, {"a/2023/may": 2, "a/2024": 1, "b": 1, ".cache": 3})
    (tmp_path / "a" / ".hidden.jpg").write_bytes(b"")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "b" / "loop").symlink_to(tmp_path / "b", target_is_directory=True)
    collection = find(str(tmp_path))
    part = collection.parts["all"]
    assert collection.classes == ("a", "b") and part.skipped == ()
    assert [name for name in part.names if name.startswith("b/")] == ["b/0.jpg"]
    assert len(part) == 4


def test_other_files_are_listed(tmp_path):
    pictures.write_class_folders(tmp_path, {"a": 1, "b": 1})
    (tmp_path / "a" / "notes.txt").write_text("hello")
    shutil.copy(tmp_path / "a" / "0.jpg", tmp_path / "loose.jpg")
    shutil.copy(tmp_path / "a" / "0.jpg", tmp_path / "a" / "without_suffix")
    part = find(str(tmp_path)).parts["all"]
    assert len(part) == 3
    reasons = {name.rsplit("/", 1)[-1]: reason for name, reason in part.skipped}
    assert reasons == {
        "notes.txt": "a .txt file is not a picture",
        "loose.jpg": "outside the class folders",
    }


def test_non_ascii_folders(tmp_path):
    pictures.write_class_folders(tmp_path / "фото", {"猫": 1, "chien errant": 1})
    collection = find(str(tmp_path / "фото"))
    assert collection.classes == ("chien errant", "猫")


def test_errors(tmp_path):
    with pytest.raises(MissingFileError, match="nothing does not exist; check the path"):
        find(f"folder:{tmp_path}/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no pictures; expected one folder a class"):
        find(str(tmp_path / "empty"))
    (tmp_path / "hollow" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="hollow holds no pictures"):
        find(str(tmp_path / "hollow"))
    (tmp_path / "flat").mkdir()
    pictures.photo().save(tmp_path / "flat" / "1.jpg")
    with pytest.raises(DataError, match="flat has 1 pictures but no class folders"):
        find(str(tmp_path / "flat"))
    with pytest.raises(DataError, match="1.jpg is a file; give the folder"):
        find(f"folder:{tmp_path}/flat/1.jpg")


def test_labels_follow_the_sorted_names(tmp_path):
    pictures.write_class_folders(tmp_path, {"b10": 1, "b2": 1, "B": 1})
    collection = find(str(tmp_path))
    assert collection.classes == ("B", "b10", "b2")  # as Python and torchvision sort
    np.testing.assert_array_equal(collection.parts["all"].labels, [0, 1, 2])
