"""Data sets of masks: a folder with images/ and masks/, the same name in both.

    FOLDER/images/NAME.jpg, FOLDER/masks/NAME.png         or the same in train/, val/ and test/
    FOLDER/classes.txt                                    one class a line, from number 0; optional

A mask is a palette or grey PNG with the number of a class in each pixel. 255 means no class, and so
does a class that classes.txt calls void, unlabelled, unlabeled or ignore; those that remain are
numbered anew. Without classes.txt the classes are the numbers that the masks hold.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kapps.data import images, parallel
from kapps.data.boxes import Skipped, by_name, read_names
from kapps.data.folders import SPLIT_FOLDERS, SUFFIXES
from kapps.data.marks import UNKNOWN, read_mask
from kapps.data.placement import IGNORE
from kapps.data.sources import Collection, Source
from kapps.errors import DataError, MissingFileError

VOID = ("void", "unlabelled", "unlabeled", "ignore")


def open_masks(path: str, uri: str) -> Collection:
    """List the pictures that have a mask.

    Raises:
        MissingFileError: no images/ and masks/ in the folder or in its parts.
        DataError: no picture with a mask, or more than 255 classes.
    """
    root = Path(path).expanduser()
    roots = {"all": root} if (root / "images").is_dir() else {}
    for child in sorted(root.iterdir()) if root.is_dir() and not roots else ():
        split = SPLIT_FOLDERS.get(child.name.casefold())
        if split and (child / "images").is_dir():
            roots.setdefault(split, child)
    for folder in [*roots.values()] or [root]:
        if not (folder / "images").is_dir() or not (folder / "masks").is_dir():
            raise MissingFileError(
                f"{folder} has no images/ and masks/; masks: takes the folder that holds both, or "
                "that holds train/ and val/ with both."
            )
    parts = {split: _source(folder, root) for split, folder in roots.items()}
    if not any(len(part) for part in parts.values()):
        raise DataError(f"{uri} has no picture with a mask of the same name.")
    names = read_names(root)
    named = names is not None
    if names is None:
        names = [str(i) for i in range(largest_number(parts.values()) + 1)]
    if not 0 < len(names) <= IGNORE:
        raise DataError(f"{uri} has {len(names)} classes; a mask has room for 1 to {IGNORE}.")
    classes = [name for name in names if name.casefold() not in VOID]
    numbers = np.full(256, UNKNOWN, np.int16)
    numbers[IGNORE] = IGNORE
    for i, name in enumerate(names):
        numbers[i] = classes.index(name) if name in classes else IGNORE
    return Collection(
        uri, parts, tuple(classes), named, crop_pct=1.0, crop_mode="squash", annotation="mask",
        numbers=numbers,
    )  # fmt: skip


def _source(folder: Path, root: Path) -> Source:
    (pictures, skipped), (masks, more) = (_files(folder / name) for name in ("images", "masks"))
    skipped += more
    skipped += [(str(pictures[name]), "has no mask") for name in pictures if name not in masks]
    skipped += [(str(masks[name]), "is of no picture") for name in masks if name not in pictures]
    names = [name for name in pictures if name in masks]
    labels = np.empty(len(names), object)
    labels[:] = [str(masks[name]) for name in names]
    items = [pictures[name] for name in names]
    called = [item.relative_to(root).as_posix() for item in items]
    return Source([str(item) for item in items], labels, called, tuple(skipped))


def _files(folder: Path) -> tuple[dict[str, Path], Skipped]:
    """The pictures of a folder, by their path in it without the suffix."""
    found = sorted(file for file in folder.rglob("*") if file.suffix.casefold() in SUFFIXES)
    return by_name(folder, found)


def largest_number(parts: Iterable[Source]) -> int:
    """The largest number of a class in all masks; files that cannot be read count for nothing."""
    files = [file for part in parts for file in part.labels]

    def most(i: int) -> int:
        values = read_mask(images.peek(files[i]))
        return int(values[values != IGNORE].max(initial=0))

    work = parallel.guarded(most, images.UNREADABLE)
    found = parallel.in_order(work, len(files), progress=False)
    return max((one for one in found if not isinstance(one, Exception)), default=0)
