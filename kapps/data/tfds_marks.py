"""Boxes and masks of data sets prepared by TensorFlow Datasets.

    tfds:voc, tfds:coco          `objects`, a sequence of bbox, label, is_difficult or is_crowd
    tfds:oxford_iiit_pet         `head_bbox`, one box; `segmentation_mask`, a PNG of numbers

A box is written as top, left, bottom, right in shares of the picture. A part in which no picture
has a box is one whose annotations are secret, and is left out.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from kapps.data import boxes, examples, indexes
from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.marks import SHARES, UNKNOWN
from kapps.data.masks import largest_number
from kapps.data.packed import Packed
from kapps.data.placement import IGNORE
from kapps.data.sources import Collection, Source
from kapps.data.texts import Numbered
from kapps.data.tfrecords import records
from kapps.errors import DataError

APART = ("is_difficult", "is_crowd")
# What the numbers of masks mean, where the data set does not say it; None for no class.
NAMED = {"oxford_iiit_pet": {1: "pet", 2: "background", 3: None}}


def feature_of_boxes(features: Any) -> tuple[str, str, str | None, Sequence[str]] | None:
    """Where boxes, their class numbers and what stands apart are, and the names of the classes.

    Args:
        features: of the data set, `tfds.features.FeaturesDict`.

    Returns:
        Names as a record has them; None where there are no boxes with classes.
    """
    from tensorflow_datasets import features as kinds

    for key, kind in features.items():
        inner = getattr(kind, "feature", None)
        if not isinstance(inner, kinds.FeaturesDict):
            continue
        found = _boxes_and_classes(inner)
        if found:
            apart = next((f"{key}/{name}" for name in APART if name in inner), None)
            return f"{key}/{found[0]}", f"{key}/{found[1]}", apart, inner[found[1]].names
    found = _boxes_and_classes(features)
    return found and (*found, None, features[found[1]].names)


def _boxes_and_classes(features: Any) -> tuple[str, str] | None:
    from tensorflow_datasets import features as kinds

    box = [key for key, kind in features.items() if isinstance(kind, kinds.BBoxFeature)]
    label = [key for key, kind in features.items() if isinstance(kind, kinds.ClassLabel)]
    label = ["label"] if "label" in label else label
    return (box[0], label[0]) if box and label else None


def collect_boxes(builder: Any, uri: str, image: str) -> Collection:
    """The boxes of a prepared data set.

    Raises:
        DataError: it has none, or a record cannot be read.
    """
    found = feature_of_boxes(builder.info.features)
    if found is None:
        raise DataError(f"{uri} has no boxes with classes ({', '.join(builder.info.features)}).")
    *wanted, names = found
    single = "/" not in wanted[0]
    parts = {}
    for split, title, paths in _splits(builder):
        table = indexes.kept(
            paths,
            ["tfds boxes 1", image, *wanted],
            lambda paths=paths: _find_boxes(paths, image, wanted),
        )
        places = Packed(paths, table["files"], table["offsets"], table["lengths"])
        part = _source(places, table, Numbered(title, len(places)), names, single)
        if any(len(marks.labels) for marks in part.labels):
            parts[split] = part
    return boxes.collection(uri, parts, names)


def _splits(builder: Any) -> list[tuple[str, str, list[str]]]:
    """Part, what its pictures are called, and its files."""
    found, seen = [], set()
    for split, info in builder.info.splits.items():
        known = SPLIT_FOLDERS.get(split)
        if known is None or known in seen or not info.num_examples:
            continue
        seen.add(known)
        paths = [os.fspath(path) for path in info.filepaths]
        found.append((known, f"{builder.name}/{split}", paths))
    return found


def _find_boxes(
    paths: Sequence[str], image: str, wanted: Sequence[str | None]
) -> dict[str, np.ndarray]:
    """Where the pictures are, and their boxes end to end."""
    rows: dict[str, list] = {name: [] for name in ("files", "offsets", "lengths", "counts")}
    corners, numbers, flags = [], [], []
    box, label, apart = wanted
    for number, file, start, stop in records(paths):
        names = [name for name in (image, box, label, apart) if name]
        found = examples.features(file, start, stop, tuple(names))
        if image not in found or box not in found:
            raise DataError(
                f"{file.name} has a record without {image!r} or {box!r}; prepare it again."
            )
        place, length = examples.first_bytes(file, *found[image])
        several = np.array(examples.floats(file, *found[box]), np.float64).reshape(-1, 4)
        classes = examples.integers(file, *found[label]) if label in found else []
        aside = examples.integers(file, *found[apart]) if apart and apart in found else []
        for key, value in zip(rows, (number, place, length, len(several)), strict=True):
            rows[key].append(value)
        corners.append(several)
        numbers += classes
        flags += aside if len(aside) == len(several) else [0] * len(several)
    if len(numbers) != sum(rows["counts"]):
        raise DataError(f"{paths[0]}: boxes and their classes are not as many; prepare it again.")
    return {
        "files": np.array(rows["files"], np.uint32),
        "offsets": np.array(rows["offsets"], np.uint64),
        "lengths": np.array(rows["lengths"], np.uint32),
        "counts": np.array(rows["counts"], np.int64),
        "boxes": np.concatenate([np.zeros((0, 4)), *corners]),
        "labels": np.array(numbers, np.int64),
        "apart": np.array(flags, bool),
    }


def _source(
    places: Packed, table: dict[str, np.ndarray], called: Numbered, names: Sequence[str],
    single: bool,
) -> Source:  # fmt: skip
    """A part; with `single` a box of no size was not drawn, and the picture is left out."""
    skipped: boxes.Skipped = []
    ends = np.cumsum(table["counts"])
    marks, kept = [], []
    for i, (end, count) in enumerate(zip(ends, table["counts"], strict=True)):
        rows = slice(end - count, end)
        photo = boxes.Photo(None, called[i], SHARES)
        for (top, left, bottom, right), label, apart in zip(
            table["boxes"][rows], table["labels"][rows], table["apart"][rows], strict=True
        ):
            box = (left, top, right, bottom)
            text = " ".join(f"{side:g}" for side in box)
            if not single or any(box):
                photo.add(box, int(label), f"{names[label]} {text}", bool(apart))
        if single and not photo.boxes:
            skipped.append((photo.name, "has no box"))
            continue
        marks.append(boxes.marks_of(photo, skipped))
        kept.append(i)
    labels = np.empty(len(marks), object)
    labels[:] = marks
    whole = Source(places, np.zeros(len(places)), called, tuple(skipped)).take(np.array(kept, int))
    return Source(whole.items, labels, whole.names, whole.skipped)


def collect_masks(builder: Any, uri: str, image: str) -> Collection:
    """The masks of a prepared data set: its second picture, of one channel. They are held in memory
    as they are stored.

    Raises:
        DataError: it has none, or a record cannot be read.
    """
    from tensorflow_datasets import features as kinds

    features = builder.info.features
    found = [
        key
        for key, kind in features.items()
        if isinstance(kind, kinds.Image) and key != image and kind.shape[-1] == 1
    ]
    if not found:
        raise DataError(f"{uri} has no mask among its features ({', '.join(features)}).")
    parts = {}
    for split, title, paths in _splits(builder):
        table = indexes.kept(
            paths,
            ["tfds masks 1", image, found[0]],
            lambda paths=paths: _find_masks(paths, image, found[0]),
        )
        photos, masks = (
            Packed(paths, table["files"], table[f"offsets{n}"], table[f"lengths{n}"])
            for n in ("", "_mask")
        )
        labels = np.empty(len(masks), object)
        labels[:] = list(masks)
        parts[split] = Source(photos, labels, Numbered(title, len(labels)))
    if not parts:
        raise DataError(f"{uri} has examples neither to train, validate nor test on.")
    known = NAMED.get(builder.name)
    if known is None:
        known = {i: str(i) for i in range(largest_number(parts.values()) + 1)}
    classes = [name for name in known.values() if name]
    numbers = np.full(256, UNKNOWN, np.int16)
    numbers[IGNORE] = IGNORE
    for number, name in known.items():
        numbers[number] = classes.index(name) if name else IGNORE
    return Collection(
        uri, parts, tuple(classes), builder.name in NAMED, crop_pct=1.0, crop_mode="squash",
        annotation="mask", numbers=numbers,
    )  # fmt: skip


def _find_masks(paths: Sequence[str], image: str, mask: str) -> dict[str, np.ndarray]:
    rows = []
    for number, file, start, stop in records(paths):
        found = examples.features(file, start, stop, (image, mask))
        if len(found) < 2:
            raise DataError(
                f"{file.name} has a record without {image!r} or {mask!r}; prepare it again."
            )
        two = (examples.first_bytes(file, *found[key]) for key in (image, mask))
        rows.append((number, *(value for pair in two for value in pair)))
    table = np.array(rows, np.uint64).reshape(-1, 5).T
    names = ("files", "offsets", "lengths", "offsets_mask", "lengths_mask")
    return dict(zip(names, table, strict=True))
