"""Several labels and numbers for each picture: from tables, folders and arrays to batches."""

import shutil

import numpy as np
import pytest

from kapps.data import annotations, find, load, load_splits, splits
from kapps.errors import DataError

from . import pictures


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        pictures.photo(seed=i).save(tmp_path / f"{i}.png")
    return tmp_path


def table(folder, text):
    (folder / "table.csv").write_text(text)
    return f"csv:{folder}/table.csv"


def only(collection):
    (part,) = collection.parts.values()
    return part


@pytest.mark.parametrize(
    "text",
    [
        "path,labels\n0.png,cat|dog\n1.png,\n2.png,bird\n3.png,cat\n",
        "path,label\n0.png, dog | cat \n1.png,\n2.png,bird\n3.png,cat\n",
        # One row a label, as tools that count annotations write it.
        "path,label\n0.png,cat\n1.png,\n2.png,bird\n0.png,dog\n3.png,cat\n",
        "path;bird;cat;dog\n0.png;0;1;1\n1.png;0;0;0\n2.png;True;False;False\n3.png;0;1;0\n",
    ],
)
def test_tables_of_several_labels(folder, text):
    found = find(table(folder, text), "labels")
    assert found.classes == ("bird", "cat", "dog") and found.annotation == "labels"
    part = only(found)
    assert part.labels.dtype == np.uint8
    assert part.labels.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert part.names == ["0.png", "1.png", "2.png", "3.png"]


def test_columns_may_be_chosen_and_keep_their_names(folder):
    text = "path,note,Cat,Dog\n0.png,x,1,0\n1.png,y,0,1\n"
    found = find(table(folder, text) + "?columns=Dog", "labels")
    assert found.classes == ("Dog",) and only(found).labels.tolist() == [[0], [1]]
    found = find(table(folder, text) + "?columns=dog,cat", "values")
    assert found.classes == ("Cat", "Dog") and only(found).labels.tolist() == [[1, 0], [0, 1]]


def test_tables_of_numbers(folder):
    text = "path,age,Height,split\n0.png,3,1.5,train\n1.png,-4e1,0.25,train\n2.png,0,1,test\n"
    found = find(table(folder, text), "values")
    assert found.classes == ("age", "Height") and found.annotation == "values"
    assert found.parts["train"].labels.dtype == np.float32
    np.testing.assert_array_equal(found.parts["train"].labels, [[3, 1.5], [-40, 0.25]])
    np.testing.assert_array_equal(found.parts["test"].labels, [[0, 1]])


@pytest.mark.parametrize(
    "annotation, text, message",
    [
        ("labels", "path,labels\n0.png,cat||dog\n", "line 2: 'cat||dog' has an empty label"),
        ("labels", "path,labels\n0.png,\n", "has no label in any row"),
        ("labels", "path,cat\n0.png,1\n1.png,2\n", "line 3: cat is '2'; expected 0 or 1 in a"),
        ("labels", "path\n0.png\n", "line 1: no column beside path"),
        ("labels", "path,cat,cat\n0.png,1,0\n", "line 1: 2 columns are called 'cat'"),
        (
            "labels",
            "path,label,split\n0.png,a,train\n0.png,b,val\n",
            "line 3: 0.png is in split 'val' here and in 'train' in line 2",
        ),
        ("values", "path,age\n0.png,1\n1.png,old\n", "line 3: age is 'old'; expected a finite num"),
        ("values", "path,age\n0.png,nan\n", "line 2: age is 'nan'; expected a finite number, or"),
        ("values", "path,age\n0.png,1\n1.png,1e39\n", "line 3: age is '1e39'; expected a finite"),
        ("values", "path,age,size\n0.png,,1\n", "line 2: age is ''; expected a finite number"),
    ],
)
def test_tables_that_say_something_else(folder, annotation, text, message):
    with pytest.raises(DataError) as error:
        find(table(folder, text), annotation)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_columns_that_are_not_there(folder):
    uri = table(folder, "path,age\n0.png,1\n")
    with pytest.raises(DataError, match="line 1: no column 'weight' in the header .found path, a"):
        find(f"{uri}?columns=weight", "values")
    with pytest.raises(DataError, match="columns= chooses among numbers; one class is in column"):
        find(f"{uri}?columns=age")


def test_folders_of_several_labels(tmp_path):
    pictures.write_class_folders(tmp_path, {"cat": 2, "cat+dog": 1, "none": 1, "c++": 1})
    (tmp_path / "bird").mkdir()
    shutil.copy(tmp_path / "cat" / "1.jpg", tmp_path / "bird" / "1.jpg")  # the same picture
    pictures.photo(seed=99).save(tmp_path / "bird" / "0.jpg")  # another one of the same name
    found = find(str(tmp_path), "labels")
    assert found.classes == ("bird", "c++", "cat", "dog")
    rows = dict(zip(only(found).names, only(found).labels.tolist(), strict=True))
    assert rows == {
        "bird/0.jpg": [1, 0, 0, 0],
        "bird/1.jpg": [1, 0, 1, 0],
        "c++/0.jpg": [0, 1, 0, 0],
        "cat/0.jpg": [0, 0, 1, 0],
        "cat+dog/0.jpg": [0, 0, 1, 1],
        "none/0.jpg": [0, 0, 0, 0],
    }
    # As a data set of classes nothing changes.
    assert find(str(tmp_path)).classes == ("bird", "c++", "cat", "cat+dog", "none")


def test_parts_of_a_folder(tmp_path):
    pictures.write_class_folders(tmp_path / "train", {"a": 2, "a+b": 1})
    pictures.write_class_folders(tmp_path / "val", {"a": 1, "a+b": 1})
    found = find(str(tmp_path), "labels")
    assert found.parts["train"].labels.tolist() == [[1, 0], [1, 0], [1, 1]]
    # 0.jpg of a/ and of a+b/ differ, and so do those of train/ and val/.
    assert found.parts["val"].labels.tolist() == [[1, 0], [1, 1]]


def test_one_class_is_also_one_label_or_a_number(tmp_path):
    digits = find("digits", "labels")
    assert digits.classes == tuple("0123456789")
    np.testing.assert_array_equal(only(digits).labels[:3], np.eye(10)[:3])
    assert only(find("digits", "values")).labels[:4].tolist() == [[0], [1], [2], [3]]
    pictures.write_class_folders(tmp_path, {"7.5": 1, "30": 2})
    ages = find(str(tmp_path), "values")
    assert ages.classes == ("value",) and only(ages).labels.tolist() == [[30], [30], [7.5]]
    pictures.write_class_folders(tmp_path, {"old": 1})
    with pytest.raises(DataError, match="has the class 'old', which is no number to learn; give a"):
        find(str(tmp_path), "values")


def save(folder, **arrays):
    np.savez(folder / "data.npz", images=np.zeros((3, 4, 4), np.uint8), **arrays)
    return f"npz:{folder}/data.npz"


def test_arrays(tmp_path):
    found = find(save(tmp_path, labels=np.array([[1, 0], [1.0, 1], [0, 0]])), "labels")
    assert found.classes == ("0", "1") and not found.named
    assert only(found).labels.tolist() == [[1, 0], [1, 1], [0, 0]]
    found = find(save(tmp_path, labels=[0, 2, 1], class_names=["a", "b", "c"]), "labels")
    assert found.classes == ("a", "b", "c")
    assert only(found).labels.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    found = find(save(tmp_path, labels=[0.5, -1, 2]), "values")
    assert found.classes == ("value",) and only(found).labels.tolist() == [[0.5], [-1], [2]]
    found = find(save(tmp_path, labels=np.ones((3, 2)), class_names=["x", "y"]), "values")
    assert found.classes == ("x", "y") and found.named


@pytest.mark.parametrize(
    "annotation, arrays, message",
    [
        ("labels", {"labels": [[0, 1], [2, 0], [0, 0]]}, "labels holds 2; expected 0 and 1 for"),
        ("labels", {"labels": [0.5, 1, 0]}, "labels is float64 of shape (3,); expected 0 and 1 [N"),
        ("values", {"labels": [[0], [np.nan], [1]]}, "labels[1] holds nan; expected finite numb"),
        ("values", {"labels": ["a", "b", "c"]}, "expected numbers [N] or [N, n]"),
        ("values", {"labels": [0, 1, 2], "class_names": ["x", "y"]}, "of 1 columns and 2 class_na"),
        ("class", {"labels": [0.5, 1, 0]}, "labels is float64 of shape (3,); expected integers [N"),
    ],
)
def test_arrays_that_say_something_else(tmp_path, annotation, arrays, message):
    with pytest.raises(DataError) as error:
        find(save(tmp_path, **arrays), annotation)
    assert message in str(error.value)


def test_strata_count_a_picture_for_its_rarest_label():
    labels = np.array([[1, 1], [1, 0], [1, 0], [0, 0], [0, 1], [1, 0]], np.uint8)
    assert annotations.strata("labels", labels).tolist() == [1, 0, 0, 2, 1, 0]
    assert annotations.strata("values", np.array([[1.0], [2.0]])).tolist() == [0, 0]


def test_every_label_is_validated_where_two_pictures_have_it(folder):
    images = np.zeros((60, 4, 4), np.uint8)
    labels = np.array([[1, i < 30, i % 20 == 0] for i in range(60)], int)
    np.savez(folder / "data.npz", images=images, labels=labels)
    found = find(f"npz:{folder}/data.npz", "labels")
    train, val = (splits.select(found, split, 0.2) for split in ("train", "val"))
    assert len(train) + len(val) == 60 and not set(train.names) & set(val.names)
    assert val.labels.sum(0).tolist()[2] == 1  # round(0.2 * 3) of the rarest label
    assert 4 <= val.labels.sum(0)[1] <= 8


def test_batches(folder):
    uri = table(folder, "path,a,b\n0.png,1,0.5\n1.png,0,1\n2.png,1,0\n3.png,1,1\n")
    dataset = load(uri, annotation="values", size=8, split="all", batch_size=3)
    assert dataset.annotation == "values" and dataset.class_names == ("a", "b")
    rows = [[1, 0.5], [0, 1], [1, 0], [1, 1]]
    assert dataset.labels.dtype == np.float32 and dataset.labels.tolist() == rows
    plain = [labels for _, labels in dataset]
    piped = [labels for _, labels in dataset.batches.as_numpy_iterator()]
    for batches in (plain, piped):
        assert [len(labels) for labels in batches] == [3, 1] and batches[0].dtype == np.float32
        np.testing.assert_array_equal(np.concatenate(batches), rows)
    train, val = load_splits(uri, annotation="values", size=8, batch_size=2, validation=0.5)
    assert (train.images, val.images) == (2, 2)
    assert next(iter(train.batches))[1].shape == (2, 2)


def test_mixed_labels_and_the_classes_of_a_model(folder):
    uri = table(folder, "path,labels\n0.png,cat|dog\n1.png,cat\n2.png,bird\n3.png,\n")
    options = {"annotation": "labels", "size": 8, "validation": 0.0}
    dataset = load(uri, **options, training=True, mix="mixup", batch_size=4)
    _, labels = next(iter(dataset))
    assert labels.shape == (4, 3) and labels.max() <= 1 and ((labels > 0.01) & (labels < 1)).any()
    moved = load(uri, **options, class_names=["dog", "fish", "cat", "bird"])
    assert moved.class_names == ("dog", "fish", "cat", "bird")
    assert moved.labels.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    with pytest.raises(DataError, match="the class 'dog' is none of the model's 2 classes"):
        load(uri, **options, class_names=["cat", "bird"])


def test_numbers_and_the_outputs_of_a_model(folder):
    uri = table(folder, "path,age,size\n0.png,1,2\n1.png,3,4\n")
    options = {"annotation": "values", "size": 8, "split": "all"}
    assert load(uri, **options, class_names=["size", "age"]).labels.tolist() == [[2, 1], [4, 3]]
    with pytest.raises(DataError, match="has no column 'weight', which the model answers; it has"):
        load(uri, **options, class_names=["age", "weight", "size"])
    with pytest.raises(ValueError, match="one_hot=True has no effect with annotation='values'"):
        load(uri, **options, one_hot=True)
    with pytest.raises(ValueError, match="annotation='box' is not one of class, labels, values"):
        load(uri, annotation="box", size=8)


def test_a_label_without_pictures_cannot_be_trained(folder):
    uri = table(folder, "path,cat,dog\n0.png,1,0\n1.png,1,0\n2.png,0,0\n")
    with pytest.raises(DataError, match="no readable picture of class 'dog' to train on"):
        load(uri, annotation="labels", size=8, training=True, validation=0.0, batch_size=2)
