"""What data sets of boxes have in common: photos with boxes become a `Collection`."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kapps.data.marks import Marks, Shapes
from kapps.data.sources import Collection, Source
from kapps.errors import DataError

Skipped = list[tuple[str, str]]


@dataclasses.dataclass
class Photo:
    """A photo as an annotation describes it.

    Attributes:
        file: where it lies; None in a larger file.
        name: what it is called in messages.
        size: (width, height) in pixels by the annotation; `marks.SHARES` where boxes are shares.
        boxes: left, top, right, bottom of each, from edge to edge, as they are written.
        labels: class numbers.
        apart: which boxes are neither trained on nor counted as missed.
        texts: how the file writes each box, for messages.
        outlines, points: more of each box, see `marks.Shapes`, where that was asked for.
    """

    file: Path | None
    name: str
    size: tuple[int, int]
    boxes: list[Sequence[float]] = dataclasses.field(default_factory=list)
    labels: list[int] = dataclasses.field(default_factory=list)
    apart: list[bool] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    outlines: list[tuple[np.ndarray, ...]] | None = None
    points: list[np.ndarray] | None = None

    def add(self, box: Sequence[float], label: int, text: str, apart: bool = False) -> None:
        """One more box."""
        self.boxes.append(box)
        self.labels.append(label)
        self.texts.append(text)
        self.apart.append(apart)


def source(photos: Iterable[Photo], skipped: Skipped) -> Source:
    """A part of a data set; boxes that cannot be are left out and listed.

    A box that is not a number, is reversed or empty, or lies outside of its photo is left out. One
    that sticks out is cut off at the edge. A photo that is listed twice counts once.

    Args:
        photos: the pictures.
        skipped: what was left out before.
    """
    items, names, marks = [], [], []
    skipped, seen = list(skipped), set()
    for photo in photos:
        if photo.file in seen:
            skipped.append((photo.name, f"{photo.file} is listed twice; the first time counts"))
            continue
        seen.add(photo.file)
        if not photo.file.is_file():
            skipped.append((photo.name, f"{photo.file} does not exist"))
            continue
        marks.append(marks_of(photo, skipped))
        items.append(str(photo.file))
        names.append(photo.name)
    labels = np.empty(len(marks), object)
    labels[:] = marks
    return Source(items, labels, names, tuple(skipped))


def marks_of(photo: Photo, skipped: Skipped) -> Marks:
    """The boxes of a photo that can be; those that cannot are added to `skipped`."""
    boxes = np.array(photo.boxes, np.float64).reshape(-1, 4)
    cut = np.clip(boxes, 0, [*photo.size, *photo.size])
    good = []
    for i, text in enumerate(photo.texts):
        if (reason := _why_not(boxes[i], cut[i])) is None:
            good.append(i)
        else:
            skipped.append((f"{photo.name}: box {i + 1}", f"{text} {reason}"))
    labels = np.array(photo.labels, np.int64)[good]
    marks = Marks.of(cut[good], labels, photo.size, np.array(photo.apart, bool)[good])
    if photo.outlines is None:
        return marks
    lines = tuple(photo.outlines[i] for i in good)
    points = np.array(photo.points, np.float64)
    points = points[good] if len(points) else np.zeros((0, 0, 3))
    return dataclasses.replace(marks, shapes=Shapes(lines, points))


def _why_not(box: np.ndarray, cut: np.ndarray) -> str | None:
    if not np.isfinite(box).all():
        return "is not a number"
    if box[0] > box[2] or box[1] > box[3]:
        return "is reversed: it ends before it begins"
    if box[0] == box[2] or box[1] == box[3]:
        return "is empty"
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        return "lies outside of the photo"
    return None


def collection(uri: str, parts: dict[str, Source], classes: Sequence[str]) -> Collection:
    """The data set.

    Raises:
        DataError: no photo, or no class.
    """
    parts = {name: part for name, part in parts.items() if len(part) or part.skipped}
    if not any(len(part) for part in parts.values()):
        listed = [row for part in parts.values() for row in part.skipped]
        why = f"; {listed[0][0]}: {listed[0][1]}" if listed else ""
        raise DataError(f"{uri} has no photo with an annotation{why}.")
    if not classes:
        raise DataError(f"{uri} has no box and names no class; there is nothing to learn.")
    # Nothing is cut away: an object may lie anywhere.
    return Collection(
        uri, parts, tuple(classes), crop_pct=1.0, crop_mode="squash", annotation="boxes"
    )


def to_labels(found: Collection) -> Collection:
    """The same photos with `annotation="labels"`: the classes of which they have a box."""
    parts = {}
    for name, part in found.parts.items():
        rows = np.zeros((len(part), len(found.classes)), np.uint8)
        for row, marks in zip(rows, part.labels, strict=True):
            row[marks.labels[~marks.apart]] = 1
        parts[name] = dataclasses.replace(part, labels=rows)
    return dataclasses.replace(found, parts=parts, annotation="labels")


def to_objects(found: Collection) -> Collection:
    """The same photos with `annotation="objects"`, of whose things nobody knows more than boxes."""
    parts = {}
    for name, part in found.parts.items():
        labels = np.empty(len(part), object)
        for i, marks in enumerate(part.labels):
            count = len(marks.labels)
            shapes = Shapes(((),) * count, np.zeros((count, 0, 3)))
            labels[i] = dataclasses.replace(marks, shapes=shapes)
        parts[name] = dataclasses.replace(part, labels=labels)
    return dataclasses.replace(found, parts=parts, annotation="objects")


def by_name(folder: Path, files: Iterable[Path]) -> tuple[dict[str, Path], Skipped]:
    """Files by their path in a folder without the suffix; of two that share it the first counts."""
    found: dict[str, Path] = {}
    skipped: Skipped = []
    for file in files:
        first = found.setdefault(file.relative_to(folder).with_suffix("").as_posix(), file)
        if first is not file:
            skipped.append((str(file), f"is called as {first.name} is, which counts"))
    return found, skipped


def read_lines(file: Path) -> list[str]:
    """The lines of a text, without space around each.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} is not a readable UTF-8 text ({error}).") from error


def read_names(folder: Path) -> list[str] | None:
    """The lines of classes.txt in a folder; None where there is none.

    Raises:
        DataError: it is no text, or has a name twice.
    """
    file = folder / "classes.txt"
    if not file.is_file():
        return None
    lines = read_lines(file)
    names = [line for line in lines if line]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"{file} has the class {twice[0]!r} twice; each line is one class.")
    return names
