"""Folders of pictures: one folder a class, or ImageNet files that carry their class in the name."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kapps.data.sources import Collection, Source
from kapps.data.texts import Texts
from kapps.errors import DataError, MissingFileError

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
PILLOW_FORMATS = (
    "jpg|jpeg|jpe|jfif|mpo|png|apng|bmp|dib|gif|webp|avif|avifs|heic|heif|hif|"
    "tif|tiff|jp2|j2k|ppm|pgm|pbm|pnm|tga|ico|icns|pcx|qoi"
)
SUFFIXES = tuple(f".{name}" for name in PILLOW_FORMATS.split("|"))
DEBRIS = ("thumbs.db", "desktop.ini")
FLAT_NAME = re.compile(r"^(n\d{8})_(.+)\.[^.]+$")
FILE_ID = re.compile(r"^\d+$")  # n01440764_10026.JPEG: the number of a picture, not a label


def open_folder(path: str, uri: str) -> Collection:
    """List a folder: PATH/class/..., PATH/{train,val,test}/class/..., or flat nWNID_label files.

    Classes are the sorted names of the class folders of train (or of the only part).

    Raises:
        MissingFileError: `path` does not exist.
        DataError: it is a file, empty, has no class, or a part has a class that train lacks.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    if not root.is_dir():
        raise DataError(f"{path} is a file; give the folder that holds one folder a class.")
    roots = _split_roots(root) or {"all": root}
    listed = {split: _list_part(part) for split, part in roots.items()}
    if not any(files for files, _ in listed.values()):
        skipped = [row for _, rows in listed.values() for row in rows]
        raise DataError(_why_empty(path, skipped))
    first = "train" if "train" in listed else next(iter(listed))
    classes = tuple(sorted(listed[first][0]))
    for split, (files, _) in listed.items():
        if extra := sorted(set(files) - set(classes)):
            if first == "train":
                raise DataError(
                    f"{roots[split] / extra[0]} is a class that {roots[first]} does not have; "
                    "the parts of a data set must have the same class folders."
                )
            classes = tuple(sorted({*classes, *extra}))
    parts = {split: _source(root, roots[split], classes, *listed[split]) for split in listed}
    return Collection(uri, parts, classes, folders={part: str(roots[part]) for part in roots})


def open_pictures(path: str, uri: str) -> Collection:
    """List all pictures below a folder, whatever its folders are called: for what needs no class.

    Raises:
        MissingFileError: `path` does not exist.
        DataError: it is a file, or holds no pictures.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    if not root.is_dir():
        raise DataError(f"{path} is a file; give a folder of pictures.")
    skipped: list[tuple[str, str]] = []
    files = {"all": _pictures(str(root), skipped)}
    if not len(files["all"]):
        raise DataError(f"{path} holds no pictures.")
    return Collection(uri, {"all": _source(root, root, ("all",), files, skipped)}, ())


def _split_roots(root: Path) -> dict[str, Path]:
    """The folders of the parts, if `root` is divided into train, val and test."""
    roots: dict[str, Path] = {}
    for child in sorted(root.iterdir()):
        split = SPLIT_FOLDERS.get(child.name.casefold())
        # "train" with pictures right inside is the class of trains, not the part for training.
        if split is None or not child.is_dir() or not _has_classes(child):
            continue
        if split in roots:
            raise DataError(
                f"{root} has both {roots[split].name}/ and {child.name}/; keep one of them."
            )
        roots[split] = child
    return roots


def _has_classes(folder: Path) -> bool:
    return any(
        child.is_dir() or FLAT_NAME.match(child.name)
        for child in folder.iterdir()
        if not child.name.startswith(".")
    )


def _list_part(root: Path) -> tuple[dict[str, Texts], list[tuple[str, str]]]:
    """Files of each class, as their paths below `root`, and what is no picture."""
    files: dict[str, Texts] = {}
    flat_files: dict[str, list[str]] = {}
    skipped: list[tuple[str, str]] = []
    with os.scandir(root) as children:
        ordered = sorted(children, key=lambda child: child.name)
    for child in ordered:
        if child.name.startswith("."):
            continue
        if child.is_dir():
            # A class folder counts even when empty, so that the error names it.
            files[child.name] = _pictures(child.path, skipped).under(f"{child.name}/")
        elif flat := FLAT_NAME.match(child.name):
            if _is_picture(child.path, skipped):
                flat_files.setdefault(flat[1], []).append(child.name)
        elif child.name.casefold() not in DEBRIS:
            skipped.append((child.path, "outside the class folders"))
    for wnid, names in flat_files.items():
        name = _flat_class(wnid, names)
        files[name] = Texts.joined([files.get(name, Texts.of(())), Texts.of(names)])
    return {name: paths for name, paths in files.items() if len(paths)}, skipped


def _flat_class(wnid: str, names: list[str]) -> str:
    """ "n01443537_goldfish" where all files say so; a number there is only that of a picture."""
    texts = {FLAT_NAME.match(name)[2] for name in names}
    text = texts.pop()
    return wnid if texts or FILE_ID.match(text) else f"{wnid}_{text}"


def _pictures(folder: str, skipped: list[tuple[str, str]]) -> Texts:
    """The pictures in a folder, as their paths below it, in the order in which paths sort."""
    names = sorted(_walk(folder), key=lambda name: name.split("/"))
    return Texts.of(name for name in names if _is_picture(os.path.join(folder, name), skipped))


def _walk(folder: str) -> Iterator[str]:
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a symbolic link back up: stop, or the walk never ends
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        yield from (prefix + name for name in names)


def _is_picture(path: str, skipped: list[tuple[str, str]]) -> bool:
    name = path.replace(os.sep, "/").rpartition("/")[2]
    if name.startswith(".") or name.casefold() in DEBRIS:
        return False
    _, dot, ending = name.rpartition(".")
    if dot and ending and f".{ending.casefold()}" not in SUFFIXES:
        skipped.append((path, f"a .{ending} file is not a picture"))
        return False
    return True


def _source(
    root: Path,
    part: Path,
    classes: tuple[str, ...],
    files: dict[str, Texts],
    skipped: list[tuple[str, str]],
) -> Source:
    """The part of a data set that lies in the folder `part`, which is `root` or below it."""
    present = [name for name in classes if name in files]
    counts = [len(files.get(name, ())) for name in classes]
    labels = np.repeat(np.arange(len(classes)), counts)
    below = part.relative_to(root).as_posix()
    names = Texts.joined([files[name] for name in present])
    names = names if below == "." else names.under(f"{below}/")
    return Source(names.under(os.path.join(root, "")), labels, names, tuple(skipped))


def _why_empty(path: str, skipped: list[tuple[str, str]]) -> str:
    loose = [name for name, reason in skipped if Path(name).suffix.casefold() in SUFFIXES]
    if loose:
        return (
            f"{path} has {len(loose)} pictures but no class folders; "
            "put the pictures of each class into a folder with the name of the class."
        )
    return f"{path} holds no pictures; expected one folder a class with its pictures inside."
