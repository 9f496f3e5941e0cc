"""The validation split: stratified, stable, disjoint; and which splits exist."""

import numpy as np
import pytest

from kapps.data import find, splits
from kapps.errors import DataError

from . import pictures


def case(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = [f"{label}/{i}.jpg" for i, label in enumerate(labels)]
    return labels, names


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_each_class_gives_its_share(share):
    counts = np.array([10, 50, 200, 1])
    labels, names = case(counts)
    held = splits.held_out(labels, names, share)
    taken = np.bincount(labels[held], minlength=4)
    np.testing.assert_array_equal(taken[:3], np.round(counts[:3] * share))
    assert taken[3] == 0  # its only picture is for training


def test_at_least_one_and_never_all():
    labels, names = case([2, 3, 100])
    assert np.bincount(labels[splits.held_out(labels, names, 0.01)]).tolist() == [1, 1, 1]
    assert np.bincount(labels[splits.held_out(labels, names, 0.99)]).tolist() == [1, 2, 99]
    assert not splits.held_out(labels, names, 0.0).any()


def test_order_does_not_matter():
    labels, names = case([20, 30])
    held = dict(zip(names, splits.held_out(labels, names, 0.3), strict=True))
    order = np.random.default_rng(0).permutation(50)
    mixed = splits.held_out(labels[order], [names[i] for i in order], 0.3)
    assert [held[names[i]] for i in order] == mixed.tolist()


def test_new_pictures_move_few_old_ones():
    labels, names = case([100, 100])
    before = dict(zip(names, splits.held_out(labels, names, 0.2), strict=True))
    more_labels = np.append(labels, [0, 0, 0, 0, 0])
    more_names = [*names, *(f"0/new{i}.jpg" for i in range(5))]
    after = dict(zip(more_names, splits.held_out(more_labels, more_names, 0.2), strict=True))
    assert sum(before[name] != after[name] for name in names) <= 5


def test_train_and_val_are_disjoint_and_whole():
    digits = find("digits")
    train, val = (splits.select(digits, split, 0.2) for split in ("train", "val"))
    assert len(train) + len(val) == 1797 and not set(train.names) & set(val.names)
    np.testing.assert_allclose(
        np.bincount(val.labels) / np.bincount(digits.parts["all"].labels), 0.2, atol=0.003
    )
    assert val.names[:5] == splits.select(digits, "val", 0.2).names[:5]
    assert len(splits.select(digits, "all", 0.2)) == 1797
    assert len(splits.select(digits, "train", 0.0)) == 1797


def test_parts_of_the_data_win(tmp_path):
    for part, count in (("train", 10), ("test", 3)):
        pictures.write_class_folders(tmp_path / part, {"a": count, "b": count})
    found = find(str(tmp_path))
    sizes = {split: len(splits.select(found, split, 0.2)) for split in ("train", "val", "test")}
    assert sizes == {"train": 16, "val": 4, "test": 6}
    whole = splits.select(found, "all", 0.2)
    assert len(whole) == 26 and whole.items[20].endswith("test/a/0.jpg")
    assert [whole.items[i] for i in range(26)] == [str(tmp_path / n) for n in whole.names]
    pictures.write_class_folders(tmp_path / "val", {"a": 1, "b": 1})
    found = find(str(tmp_path))
    assert len(splits.select(found, "train", 0.2)) == 20
    assert len(splits.select(found, "val", 0.2)) == 2


def test_errors(tmp_path):
    digits = find("digits")
    with pytest.raises(DataError, match="digits has no test part .only an undivided part"):
        splits.select(digits, "test", 0.2)
    with pytest.raises(DataError, match="no validation part and validation=0 sets nothing aside"):
        splits.select(digits, "val", 0.0)
    with pytest.raises(ValueError, match="split='dev' is not one of train, val, test, all"):
        splits.select(digits, "dev", 0.2)
    for share in (1.0, -0.1, 20):
        with pytest.raises(ValueError, match=r"validation=.* is not in \[0, 1\)"):
            splits.select(digits, "val", share)
    pictures.write_class_folders(tmp_path / "one", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="too few pictures for a val part"):
        splits.select(find(str(tmp_path / "one")), "val", 0.2)
    pictures.write_class_folders(tmp_path / "tests" / "test", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="has no train part .test."):
        splits.select(find(str(tmp_path / "tests")), "train", 0.2)
