"""scikit-learn's digits and .npz files."""

import sys

import numpy as np
import pytest

from kapps.data import find
from kapps.errors import DataError, MissingFileError, MissingPackageError


def test_digits():
    collection = find("digits")
    part = collection.parts["all"]
    # 1797 digits; counts by class as scikit-learn documents them (178, 182, 177, ...).
    assert len(part) == 1797
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_array_equal(np.bincount(part.labels), counts)
    assert collection.classes == tuple("0123456789")
    assert part.items.shape == (1797, 8, 8) and part.items.dtype == np.uint8
    assert part.items.min() == 0 and part.items.max() == 255
    # The first row of the first digit is 0 0 5 13 9 1 0 0 in sixteenths.
    np.testing.assert_array_equal(part.items[0, 0], [0, 0, 80, 207, 143, 16, 0, 0])


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError, match="pip install scikit-learn"):
        find("digits")


def save(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder}/data.npz"


def images(count, *shape):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


def test_images_and_labels(tmp_path):
    stored = images(4, 5, 6, 3)
    collection = find(save(tmp_path, images=stored, labels=[0, 2, 1, 2]))
    part = collection.parts["all"]
    np.testing.assert_array_equal(part.items, stored)
    assert collection.classes == ("0", "1", "2") and not collection.named
    assert part.labels.tolist() == [0, 2, 1, 2] and part.names[3] == "images[3]"


def test_keras_layout_and_class_names(tmp_path):
    uri = save(
        tmp_path,
        x_train=images(4, 5, 5),
        y_train=np.array([[0], [1], [0], [1]], np.uint8),  # as CIFAR stores them
        x_test=images(2, 5, 5),
        y_test=[1, 0],
        class_names=["cat", "dog"],
    )
    collection = find(uri)
    assert {split: len(part) for split, part in collection.parts.items()} == {"train": 4, "test": 2}
    assert collection.classes == ("cat", "dog") and collection.named
    assert collection.parts["train"].labels.tolist() == [0, 1, 0, 1]
    assert find(uri[4:]).classes == ("cat", "dog")  # a bare path


@pytest.mark.parametrize(
    "stored, expected",
    [
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 1.4, 255], np.float64), [0, 1, 255]),
        (np.array([0, 1, 200], np.int64), [0, 1, 200]),
        (np.array([0, 1], np.int64), [0, 1]),
    ],
)
def test_other_types(tmp_path, stored, expected):
    part = find(save(tmp_path, images=stored[None, None], labels=[0])).parts["all"]
    np.testing.assert_array_equal(part.items[0, 0], expected)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"a": [1]}, "holds a; expected images and labels, or x_train"),
        ({"images": images(2, 3, 3)}, "holds images; expected images and labels"),
        (
            {"images": images(1, 3, 3), "labels": [0], "x_train": images(1, 3, 3), "y_train": [0]},
            "holds images, labels, x_train, y_train; expected",
        ),
        ({"images": images(2, 3), "labels": [0, 1]}, r"images has shape \(2, 3\)"),
        ({"images": images(2, 3, 8, 8), "labels": [0, 1]}, r"images has shape \(2, 3, 8, 8\)"),
        ({"images": images(2, 3, 3), "labels": [0]}, "images holds 2 images for 1 labels"),
        ({"images": images(2, 3, 3), "labels": [0.0, 1.0]}, "labels is float64"),
        ({"images": images(2, 3, 3), "labels": np.eye(2, dtype=int)}, r"of shape \(2, 2\)"),
        ({"images": images(2, 3, 3), "labels": [0, -1]}, r"labels\[1\] is -1, but labels start"),
        ({"images": images(0, 3, 3), "labels": np.zeros(0, int)}, "images is empty"),
        ({"images": images(1, 3, 3) * 3.0, "labels": [0]}, r"values in \[.*\]; expected \[0, 1\]"),
        ({"images": np.full((1, 3, 3), np.nan), "labels": [0]}, "values in .nan, nan"),
        ({"images": np.full((1, 3, 3), "x"), "labels": [0]}, "expected uint8 or float images"),
        (
            {"images": images(1, 3, 3), "labels": [2], "class_names": ["a", "b"]},
            "has label 2 but only 2 class_names",
        ),
    ],
)
def test_errors(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        find(save(tmp_path, **arrays))


def test_unreadable_files(tmp_path):
    with pytest.raises(MissingFileError, match="nothing.npz does not exist"):
        find(f"npz:{tmp_path}/nothing.npz")
    path = tmp_path / "data.npz"
    for content in (b"", b"not a zip", b"PK\x03\x04 broken"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="data.npz is not a readable .npz file"):
            find(f"npz:{path}")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(path)
    with pytest.raises(DataError, match="not a readable .npz file"):
        find(f"npz:{path}")


def test_pickles_are_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    hostile = np.empty(1, object)
    hostile[0] = Bomb()
    with pytest.raises(DataError, match="not a readable .npz file of plain arrays"):
        find(save(tmp_path, images=hostile, labels=[0]))
    assert not (tmp_path / "executed").exists()
