"""CSV tables, and errors that name the line."""

import pytest

from kapps.data import find
from kapps.errors import DataError, MissingFileError

from . import pictures


@pytest.fixture
def folder(tmp_path):
    for i in range(3):
        pictures.photo(seed=i).save(tmp_path / f"{i}.jpg")
    return tmp_path


def write(folder, text, encoding="utf-8"):
    (folder / "table.csv").write_text(text, encoding=encoding, newline="")
    return f"csv:{folder}/table.csv"


@pytest.mark.parametrize(
    "text",
    [
        "path,label\n0.jpg,cat\n1.jpg,dog\n2.jpg,cat\n",
        "label,path\r\ncat,0.jpg\r\ndog,1.jpg\r\ncat,2.jpg",
        "Path;Label;weight\n0.jpg;cat;1\n\n1.jpg;dog;2\n2.jpg;cat;3\n",
        'path\tlabel\n"0.jpg"\tcat\n./1.jpg\tdog\n2.jpg\tcat\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_names_as_labels(folder, text, encoding):
    collection = find(write(folder, text, encoding))
    assert collection.classes == ("cat", "dog") and collection.named
    part = collection.parts["all"]
    assert part.labels.tolist() == [0, 1, 0]
    assert part.items[1].endswith("1.jpg") and part.items[1].startswith(str(folder))


def test_absolute_paths(folder):
    collection = find(write(folder, f"path,label\n{folder}/0.jpg,a\n{folder}/1.jpg,b\n"))
    assert collection.parts["all"].items[0] == f"{folder}/0.jpg"


def test_numbers_as_labels_sort_as_numbers(folder):
    collection = find(write(folder, "path,label\n0.jpg,10\n1.jpg,9\n2.jpg,10\n"))
    assert collection.classes == ("9", "10") and not collection.named
    assert collection.parts["all"].labels.tolist() == [1, 0, 1]


def test_column_split(folder):
    text = "path,label,split\n0.jpg,a,train\n1.jpg,b,validation\n2.jpg,b,test\n"
    parts = find(write(folder, text)).parts
    assert {split: part.names for split, part in parts.items()} == {
        "train": ["0.jpg"],
        "val": ["1.jpg"],
        "test": ["2.jpg"],
    }


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1: no column 'path' in the header .found nothing"),
        ("0.jpg,cat\n1.jpg,dog\n", "line 1: no column 'path' in the header .found 0.jpg, cat"),
        ("path,class\n0.jpg,cat\n", "line 1: no column 'label' in the header .found path, class"),
        ("path,label\n", "has no rows"),
        ("path,label\n0.jpg,cat\n1.jpg\n", "line 3: 1 cells, expected 2"),
        ("path,label\n0.jpg,cat\n\n1.jpg,\n", "line 4: label is empty"),
        ("path,label\n,cat\n", "line 2: path is empty"),
        ("path,label\n0.jpg,cat\n7.jpg,dog\n", "line 3: 7.jpg does not exist in "),
        ("path,label,split\n0.jpg,a,dev\n", "line 2: split 'dev' is not train, val or test"),
    ],
)
def test_errors_name_the_line(folder, text, message):
    with pytest.raises(DataError, match=f"table.csv .*{message}|table.csv {message}"):
        find(write(folder, text))


def test_missing_and_foreign_files(folder):
    with pytest.raises(MissingFileError, match="nothing.csv does not exist"):
        find(f"csv:{folder}/nothing.csv")
    with pytest.raises(DataError, match="0.jpg is not a readable UTF-8 table"):
        find(f"csv:{folder}/0.jpg")
    assert find(write(folder, "path,label\n0.jpg,a\n1.jpg,b\n")[4:]).classes == ("a", "b")
