"""Data sets in the form of COCO: one JSON file for the boxes of many pictures.

Classes are the categories in the order of their ids. Boxes are [left, top, width, height] from edge
to edge; those of crowds ("iscrowd") are kept apart, as COCO judges.

A file whose name says train, val or test, or that lies in a folder of that name, is that part; the
files that are called alike for the other parts belong to the data set too (instances_train2017.json
and instances_val2017.json, train/_annotations.coco.json and valid/_annotations.coco.json).
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from kapps.data import boxes, objects
from kapps.data.folders import SPLIT_FOLDERS
from kapps.data.sources import SPLITS, Collection
from kapps.errors import DataError, MissingFileError

IMAGES = "?images="
WORDS = re.compile(f"(?<![a-z])({'|'.join(SPLIT_FOLDERS)})(?![a-z])")
OWN = "; give each its own."


def open_coco(path: str, uri: str, annotation: str = "boxes") -> Collection:
    """Read a JSON file and those of the other parts; with annotation "objects" outlines (polygons)
    and the points that the categories name, too.

    Pictures lie beside it, in images/ there, or in a folder of the part beside its folder, as COCO
    is unpacked; else `coco:FILE.json?images=FOLDER` says where.

    Raises:
        MissingFileError: no such file, or the pictures are in none of these folders.
        DataError: it is not such a file, or names something that it does not have.
    """
    path, _, folder = path.partition(IMAGES)
    file = Path(path).expanduser()
    if not file.is_file():
        raise MissingFileError(f"{path} does not exist; coco: takes the file of annotations.")
    files = _parts(file)
    shapes = annotation == "objects"
    read = {split: _read(one, shapes) for split, one in files.items()}
    first = next(iter(read.values()))
    names = dict(sorted(first["categories"].items()))
    index = {number: i for i, number in enumerate(names)}
    parts = {}
    for split, contents in read.items():
        if contents["categories"] != first["categories"]:
            raise DataError(
                f"{files[split]} has other categories than {next(iter(files.values()))}."
            )
        root = Path(folder).expanduser() if folder else _pictures(files[split], contents)
        parts[split] = boxes.source(*_photos(files[split], contents, root, index, names))
    found = boxes.collection(uri, parts, list(names.values()))
    if not shapes:
        return found
    return dataclasses.replace(found, annotation=annotation, points=first["points"])


def _parts(file: Path) -> dict[str, Path]:
    """The files of the data set, by part."""
    folder, above = file.parent, file.parent.parent
    if word := WORDS.search(file.name.casefold()):
        before, after = file.name[: word.start()], file.name[word.end() :]
        alike = {other: folder / f"{before}{other}{after}" for other in SPLIT_FOLDERS}
        split = SPLIT_FOLDERS[word[0]]
    elif folder.name.casefold() in SPLIT_FOLDERS:
        alike = {other: above / other / file.name for other in SPLIT_FOLDERS}
        split = SPLIT_FOLDERS[folder.name.casefold()]
    else:
        return {"all": file}
    found = {SPLIT_FOLDERS[other]: path for other, path in alike.items() if path.is_file()}
    found[split] = file
    return {name: found[name] for name in SPLITS if name in found}


def _read(file: Path, shapes: bool) -> dict[str, Any]:
    """categories by id; images by id, as (name, size); annotations by the id of their image.

    An annotation is (left, top, right, bottom), the id of its category, whether it is of a crowd,
    and its text; with `shapes` also its outlines and points, whose names are "points".
    """
    points: tuple[str, ...] = ()
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
        categories = {int(c["id"]): str(c["name"]) for c in contents["categories"]}
        if len(categories) < len(contents["categories"]):
            raise DataError(f"{file} has two categories of one id{OWN}")
        for category in contents["categories"]:
            points = points or tuple(map(str, category.get("keypoints", ())))
        pictures: dict[Any, tuple[str, tuple[int, int]]] = {}
        for picture in contents["images"]:
            size = int(picture["width"]), int(picture["height"])
            row = str(picture["file_name"]), size
            if pictures.setdefault(picture["id"], row) is not row:
                raise DataError(
                    f"{file} has two images of the id {picture['id']}; give each its own."
                )
        seen: set = set()
        boxes_of: dict[Any, list[tuple]] = {}
        for one in contents["annotations"]:
            if "id" in one and (one["id"] in seen or seen.add(one["id"])):
                raise DataError(
                    f"{file} has two annotations of the id {one['id']}; give each its own."
                )
            if int(one["category_id"]) not in categories:
                raise DataError(
                    f"{file}: annotation {one.get('id', '?')} has category_id "
                    f"{one['category_id']}, which categories does not name."
                )
            left, top, width, height = (float(value) for value in one["bbox"])
            box, crowd = (left, top, left + width, top + height), bool(one.get("iscrowd", 0))
            row = box, int(one["category_id"]), crowd, str(one["bbox"])
            if shapes:
                lines = objects.outlines_of(one.get("segmentation"))
                row += lines, objects.points_of(one.get("keypoints", ()), len(points))
            boxes_of.setdefault(one["image_id"], []).append(row)
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise DataError(f"{file} is not a file of annotations of COCO ({reason}).") from error
    found = {"categories": categories, "images": pictures, "annotations": boxes_of}
    return {**found, "points": points if shapes else None}


def _photos(
    file: Path, contents: dict, root: Path, index: dict[int, int], names: dict[int, str]
) -> tuple[list[boxes.Photo], boxes.Skipped]:
    photos = []
    for number, (name, size) in contents["images"].items():
        photo = boxes.Photo(root / name, name, size)
        if contents["points"] is not None:
            photo.outlines, photo.points = [], []
        for row in contents["annotations"].get(number, ()):
            box, category, crowd, text, *more = row
            photo.add(box, index[category], f"{names[category]} {text}", crowd)
            for known, one in zip((photo.outlines, photo.points), more, strict=False):
                known.append(one)
        photos.append(photo)
    loose = [number for number in contents["annotations"] if number not in contents["images"]]
    skipped = [(file.name, f"boxes of the image {number}, which images lacks") for number in loose]
    return photos, skipped


def _pictures(file: Path, contents: dict) -> Path:
    """The folder that the file names of pictures are relative to."""
    above, word = file.parent.parent, WORDS.search(file.stem.casefold())
    part = file.stem[word.start() :] if word else ""
    folders = [file.parent, file.parent / "images", above, above / "images", above / part]
    folders += [above / "images" / part]
    names = [name for name, _ in list(contents["images"].values())[:20]]
    for folder in folders:
        if any((folder / name).is_file() for name in names):
            return folder
    raise MissingFileError(
        f"{file}: the pictures, such as {names[0] if names else '?'}, are neither beside it nor in "
        f"images/; say where with coco:{file}{IMAGES}FOLDER."
    )
