"""Data sets in the form of YOLO: a YAML file that names folders, and a text file for each picture.

    path: FOLDER                      relative to the YAML file; may be missing
    train: images/train               folder, list of them, or text file of pictures
    val: images/val
    test:                             may be missing
    names: {0: cat, 1: dog}           or a list

Beside images/ lies labels/ with NAME.txt for NAME.jpg: a line for each box, its class number and
the middle, width and height as shares of the picture's; or the class number and the corners of a
polygon, whose extent is then the box. A picture without such a file shows nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from kapps.data import boxes
from kapps.data.folders import SUFFIXES
from kapps.data.marks import SHARES
from kapps.data.sources import SPLITS, Collection
from kapps.errors import DataError, MissingFileError


def open_yolo(path: str, uri: str) -> Collection:
    """Read a YAML file and the labels of all its pictures.

    Raises:
        MissingFileError: no such file, or a folder that it names.
        DataError: it is not such a file, or a label file that cannot be read.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise MissingFileError(f"{path} does not exist; yolo: takes the YAML file of the data set.")
    try:
        contents = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not a readable YAML file ({reason}).") from error
    if not isinstance(contents, dict) or "names" not in contents or not contents.get("train"):
        raise DataError(
            f"{path} lacks train: or names:; expected the YAML file of a YOLO data set."
        )
    classes = _classes(contents["names"], path)
    root = file.parent / str(contents.get("path") or "")
    if not root.is_dir():  # Ultralytics looks in a folder of its own settings
        root = file.parent
    parts = {}
    for split in SPLITS:
        given = contents.get(split)
        if not given:
            continue
        photos, skipped = [], []
        for one in given if isinstance(given, list) else [given]:
            for picture in _pictures(root, str(one), path):
                photos.append(_photo(picture, root, len(classes)))
            skipped += _loose(root / str(one))
        parts[split] = boxes.source(photos, skipped)
    return boxes.collection(uri, parts, classes)


def _classes(names: object, path: str) -> list[str]:
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        return [str(names[i]) for i in range(len(names))]
    if isinstance(names, list):
        return [str(name) for name in names]
    raise DataError(f"{path}: names is neither a list nor numbered from 0 without a gap.")


def _pictures(root: Path, given: str, path: str) -> Iterator[Path]:
    place = root / given
    if place.is_dir():
        yield from (f for f in sorted(place.rglob("*")) if f.suffix.casefold() in SUFFIXES)
    elif place.is_file():
        yield from (
            place.parent / line if line[0] == "." else root / line
            for line in boxes.read_lines(place)
            if line
        )
    else:
        raise MissingFileError(f"{path} names {given}, but {place} does not exist.")


def _labels(picture: Path) -> Path:
    """Where the boxes of a picture are: the last images/ of its path is labels/ there."""
    parts = list(picture.parts)
    for i in reversed(range(len(parts) - 1)):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _loose(folder: Path) -> boxes.Skipped:
    """Label files of a folder without a picture."""
    if not folder.is_dir():
        return []
    labels = _labels(folder / "x").parent
    have = {_labels(f) for f in folder.rglob("*") if f.suffix.casefold() in SUFFIXES}
    files = sorted(labels.rglob("*.txt")) if labels.is_dir() else []
    return [(str(f), "has no picture") for f in files if f not in have and f.name != "classes.txt"]


def _photo(picture: Path, root: Path, classes: int) -> boxes.Photo:
    name = picture.relative_to(root).as_posix() if picture.is_relative_to(root) else str(picture)
    photo, file = boxes.Photo(picture, name, SHARES), _labels(picture)
    if not file.is_file():
        return photo
    for number, line in enumerate(boxes.read_lines(file), 1):
        if not line:
            continue
        try:
            label, *values = (float(word) for word in line.split())
            if label != int(label) or (len(values) != 4 and (len(values) < 6 or len(values) % 2)):
                raise ValueError
        except (ValueError, OverflowError):
            raise DataError(
                f"{file} line {number}: {line[:60]!r} is not a class number and a box or a "
                "polygon as shares of the picture."
            ) from None
        if not 0 <= label < classes:
            raise DataError(f"{file} line {number}: class {int(label)} of {classes} is not named.")
        photo.add(_box(values), int(label), " ".join(line.split()[:5]))
    return photo


def _box(values: list[float]) -> tuple[float, float, float, float]:
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
