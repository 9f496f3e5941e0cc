"""`find`: what an address of data holds."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from kapps.data import annotations, boxes, labels
from kapps.data.arrays import open_digits, open_npz
from kapps.data.coco import open_coco
from kapps.data.folders import open_folder, open_pictures
from kapps.data.masks import open_masks
from kapps.data.shards import open_shards
from kapps.data.sources import Collection
from kapps.data.tables import open_csv
from kapps.data.tfrecords import open_tfds
from kapps.data.voc import open_voc
from kapps.data.yolo import open_yolo
from kapps.errors import DataError, MissingFileError

# Kind -> opens (what follows the colon, the whole address, annotation). What a kind does not know
# by itself is made of what it knows, see MADE.
KINDS: dict[str, Callable[[str, str, str], Collection]] = {
    "folder": lambda path, uri, annotation: (
        open_pictures(path, uri) if annotation == "none" else open_folder(path, uri)
    ),
    "tfds": open_tfds,
    "csv": open_csv,
    "npz": open_npz,
    "shards": lambda path, uri, _: open_shards(path, uri),
    "coco": open_coco,
    "voc": lambda path, uri, _: open_voc(path, uri),
    "yolo": lambda path, uri, _: open_yolo(path, uri),
    "masks": lambda path, uri, _: open_masks(path, uri),
}
FORMS = (
    "digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:FOLDER, coco:FILE, voc:FOLDER, "
    "yolo:FILE, masks:FOLDER or the path of a folder"
)
MADE: dict[tuple[str, str], Callable[[Collection], Collection]] = {  # (known, asked)
    ("class", "labels"): labels.to_labels,
    ("class", "values"): labels.to_values,
    ("boxes", "labels"): boxes.to_labels,
    ("boxes", "objects"): boxes.to_objects,
}
KNOWN_BY = {  # what data sets of each annotation are, for messages
    "class": "one class a picture",
    "labels": "several labels a picture",
    "values": "numbers",
    "boxes": "boxes",
    "mask": "masks",
    "objects": "boxes with outlines and points",
}
GIVEN_BY = {"boxes": "coco:, voc:, yolo: and tfds:", "mask": "masks: and tfds:", "objects": "coco:"}


def find(uri: str, annotation: str | None = "class") -> Collection:
    """List what an address of data holds, without reading a picture.

    Args:
        uri: "digits", "folder:PATH", "tfds:NAME", "csv:PATH", "npz:PATH", "shards:FOLDER",
            "coco:FILE", "voc:FOLDER", "yolo:FILE", "masks:FOLDER", or a bare path.
        annotation: what is to be learnt of each picture. "class": the one that it shows.
            "labels": several, or none. "values": numbers. See `kapps.data.labels` for what
            folders mean then, `kapps.data.tables.open_csv` and `kapps.data.arrays.open_npz` for
            tables and arrays. "boxes" and "mask": see the modules of coco:, voc:, yolo: and masks:.
            "none": the pictures alone, of any data set or of a folder without classes. None: what
            the data set itself knows.

    Raises:
        DataError, MissingFileError, MissingPackageError: see the function of each kind.
        ValueError: another annotation.
    """
    if annotation is None:
        return _open(os.fspath(uri), "class")
    annotations.check(annotation)
    found = _open(os.fspath(uri), annotation)
    if annotation == "none":
        return labels.to_none(found)
    if found.annotation == annotation:
        return found
    if make := MADE.get((found.annotation, annotation)):
        return make(found)
    have = GIVEN_BY.get(annotation, "folder:, csv:, npz: and tfds:")
    raise DataError(
        f"{uri} holds {KNOWN_BY[found.annotation]}, not {KNOWN_BY[annotation]}; those come from "
        f"{have}."
    )


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
        return KINDS["folder"](uri, uri, annotation)
    suffix = path.suffix.casefold().lstrip(".")
    if suffix in ("csv", "npz") and path.is_file():
        return KINDS[suffix](uri, uri, annotation)
    word = kind if colon else uri
    near = difflib.get_close_matches(word, ["digits", *KINDS], n=1)
    guess = f"did you mean {near[0] if near[0] == 'digits' else near[0] + ':'}? " if near else ""
    raise MissingFileError(f"{uri!r} is no data and no folder; {guess}give {FORMS}.")
