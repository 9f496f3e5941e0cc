"""`find`: what an address of data holds."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from kapps.data import annotations, labels
from kapps.data.arrays import open_digits, open_npz
from kapps.data.folders import open_folder
from kapps.data.shards import open_shards
from kapps.data.sources import Collection
from kapps.data.tables import open_csv
from kapps.data.tfrecords import open_tfds
from kapps.errors import DataError, MissingFileError

# Kind -> opens (what follows the colon, the whole address, annotation). Where the kind knows only
# classes, the annotation is made of them.
KINDS: dict[str, Callable[[str, str, str], Collection]] = {
    "folder": lambda path, uri, _: open_folder(path, uri),
    "tfds": lambda name, uri, _: open_tfds(name, uri),
    "csv": open_csv,
    "npz": open_npz,
    "shards": lambda path, uri, _: open_shards(path, uri),
}
FORMS = "digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:FOLDER or the path of a folder"
MADE_OF_CLASSES = {"labels": labels.to_labels, "values": labels.to_values}


def find(uri: str, annotation: str = "class") -> Collection:
    """List what an address of data holds, without reading a picture.

    Args:
        uri: "digits", "folder:PATH", "tfds:NAME", "csv:PATH", "npz:PATH", "shards:FOLDER", or a
            bare path.
        annotation: what is to be learnt of each picture. "class": the one that it shows.
            "labels": several, or none. "values": numbers. See `kapps.data.labels` for what
            folders mean then, `kapps.data.tables.open_csv` and `kapps.data.arrays.open_npz` for
            tables and arrays.

    Raises:
        DataError, MissingFileError, MissingPackageError: see the function of each kind.
        ValueError: another annotation.
    """
    annotations.check(annotation)
    found = _open(os.fspath(uri), annotation)
    if found.annotation != annotation:
        found = MADE_OF_CLASSES[annotation](found)
    return found


def _open(uri: str, annotation: str) -> Collection:
    if uri == "digits":
        return open_digits(uri)
    kind, colon, rest = uri.partition(":")
    if colon and kind in KINDS:
        if not rest:
            raise DataError(f"{uri!r} names no data after the colon; give {FORMS}.")
        return KINDS[kind](rest, uri, annotation)
    path = Path(uri).expanduser()
    if path.is_dir():
        return open_folder(uri, uri)
    suffix = path.suffix.casefold().lstrip(".")
    if suffix in ("csv", "npz") and path.is_file():
        return KINDS[suffix](uri, uri, annotation)
    word = kind if colon else uri
    near = difflib.get_close_matches(word, ["digits", *KINDS], n=1)
    guess = f"did you mean {near[0] if near[0] == 'digits' else near[0] + ':'}? " if near else ""
    raise MissingFileError(f"{uri!r} is no data and no folder; {guess}give {FORMS}.")
