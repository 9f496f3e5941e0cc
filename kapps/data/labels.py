"""Several labels, or numbers, made of what data sets of one class a picture say.

Every data set of classes is also one of several labels of which each picture has one, and one of
numbers where all its classes are numbers (a folder for each age). Folders can say more:

- `cat+dog/` holds pictures of both; `none/` holds pictures of neither.
- The same file in several class folders, of the same name and with the same contents, is one
  picture with several labels. (The same name alone says nothing: two cameras count from 1.)
"""

import collections
import dataclasses
import hashlib
import math
from pathlib import Path

import numpy as np

from kapps.data.sources import Collection, Source
from kapps.errors import DataError

AND = "+"  # between the labels in the name of a folder
NONE = "none"  # the name of a folder of pictures without a label


def to_labels(found: Collection) -> Collection:
    """The same pictures with `annotation="labels"`.

    Args:
        found: with one class a picture.

    Raises:
        DataError: no picture has a label.
    """
    if not found.folders:
        table = np.eye(len(found.classes), dtype=np.uint8)
        parts = {
            name: dataclasses.replace(part, labels=table[part.labels])
            for name, part in found.parts.items()
        }
        return dataclasses.replace(found, parts=parts, annotation="labels")
    members = [_members(name) for name in found.classes]
    classes = tuple(sorted({label for labels in members for label in labels}))
    if not classes:
        raise DataError(f"{found.uri} has pictures without a label only; add folders with names.")
    table = np.array([[label in labels for label in classes] for labels in members], np.uint8)
    parts = {
        name: _joined(part, table, Path(found.folders[name])) for name, part in found.parts.items()
    }
    return dataclasses.replace(found, parts=parts, classes=classes, annotation="labels")


def to_values(found: Collection) -> Collection:
    """The same pictures with `annotation="values"`: the number that the name of the class is.

    Args:
        found: with one class a picture.

    Raises:
        DataError: a class whose name is no finite number.
    """
    numbers = [_number(name) for name in found.classes]
    if None in numbers:
        name = found.classes[numbers.index(None)]
        raise DataError(
            f"{found.uri} has the class {name!r}, which is no number to learn; give a table with "
            "columns of numbers (csv:PATH), or folders named by numbers."
        )
    table = np.array(numbers, np.float32)[:, None]
    parts = {
        name: dataclasses.replace(part, labels=table[part.labels])
        for name, part in found.parts.items()
    }
    return dataclasses.replace(found, parts=parts, classes=("value",), annotation="values")


def to_none(found: Collection) -> Collection:
    """The same pictures with `annotation="none"`, whatever is known about them."""
    parts = {
        name: dataclasses.replace(part, labels=np.zeros(len(part), np.int64))
        for name, part in found.parts.items()
    }
    return dataclasses.replace(found, parts=parts, classes=(), annotation="none", numbers=None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _members(folder: str) -> list[str]:
    """ "cat+dog" -> ["cat", "dog"], "none" -> []; "c++" is a name like any other."""
    if folder.casefold() == NONE:
        return []
    labels = [label.strip() for label in folder.split(AND)]
    return labels if all(labels) else [folder]


def _joined(part: Source, table: np.ndarray, root: Path) -> Source:
    """Rows of `table` for each picture; a picture that lies in several folders once."""
    rows = table[part.labels]
    same_name = collections.defaultdict(list)
    for i, item in enumerate(part.items):
        inside = Path(item).relative_to(root).parts
        same_name[inside[1:] or inside].append(i)
    kept = np.ones(len(rows), bool)
    for group in same_name.values():
        for one, *others in _same_contents(group, part.items) if len(group) > 1 else ():
            rows[one] |= np.bitwise_or.reduce(rows[others], axis=0)
            kept[others] = False
    whole = dataclasses.replace(part, labels=rows)
    return whole if kept.all() else whole.take(np.flatnonzero(kept))


def _same_contents(group: list[int], items) -> list[list[int]]:
    """Those of the files in `group` that are the same, together."""
    by_size = collections.defaultdict(list)
    for i in group:
        by_size[Path(items[i]).stat().st_size].append(i)
    result = []
    for indices in by_size.values():
        by_contents = collections.defaultdict(list)
        for i in indices if len(indices) > 1 else ():
            by_contents[hashlib.sha256(Path(items[i]).read_bytes()).digest()].append(i)
        result += [same for same in by_contents.values() if len(same) > 1]
    return result
