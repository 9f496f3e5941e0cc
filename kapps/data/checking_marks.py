"""What is wrong with the boxes or masks of a data set: for `kapps.data.checking`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kapps.data import images, parallel
from kapps.data.marks import Boxes, Marks, Masks
from kapps.data.sources import Collection, Source

THIN = 2.0  # pixels of a box's shorter side below which it is a slip of the mouse
CURES = {
    "misfit": "annotate them anew, or restore the picture; training leaves them out",
    "bad_box": "draw them anew or delete them; they are left out",
    "alone": "give each its other half, or delete it; they are left out",
    "twin_box": "delete the copies: a detector finds a thing once, and the other counts as missed",
    "thin_box": "delete them if they are slips; nothing can be learnt of them",
    "no_box": "nothing to do, if they show nothing of what is looked for",
}
ERRORS = ("misfit",)
NOTES = ("no_box",)


@dataclasses.dataclass
class MarkFacts:
    """Of the pictures of all parts, one after the other.

    Attributes:
        counts: int64 [N, classes], boxes of each class, or pixels.
        sides: float64 [boxes, 2], width and height of each box as shares of its photo's.
        reasons: why an annotation does not fit its picture, by its place.
        twins: places of pictures with the same box twice.
        thin: places of pictures with a box that is hardly there.
    """

    counts: np.ndarray
    sides: np.ndarray
    reasons: dict[int, str]
    twins: list[int]
    thin: list[int]


def look(collection: Collection, parts: Sequence[Source], sizes: np.ndarray) -> MarkFacts:
    """Look at all boxes, or read all masks.

    Args:
        collection: of annotation "boxes" or "mask".
        parts: its parts, as `sizes` counts their pictures.
        sizes: int64 [N, 2], width and height of each picture; 0 where it cannot be read.
    """
    labels = [mark for part in parts for mark in part.labels]
    facts = MarkFacts(
        np.zeros((len(labels), len(collection.classes)), np.int64), np.zeros((0, 2)), {}, [], []
    )
    if collection.annotation == "mask":
        _masks(facts, Masks(collection.numbers), labels, sizes)
        return facts
    form, sides = Boxes(1), []
    for i, (mark, size) in enumerate(zip(labels, sizes, strict=True)):
        facts.counts[i] = np.bincount(mark.labels[~mark.apart], minlength=facts.counts.shape[1])
        if not size[0]:
            continue
        try:
            form.check(mark, tuple(size))
        except images.ImageError as error:
            facts.reasons[i] = str(error)
            continue
        shares = (mark.boxes[:, 2:] - mark.boxes[:, :2]) / mark.size
        sides.append(shares)
        if len(shares) and (shares * size).min() < THIN:
            facts.thin.append(i)
        if _twice(mark):
            facts.twins.append(i)
    facts.sides = np.concatenate([facts.sides, *sides])
    return facts


def _twice(marks: Marks) -> bool:
    rows = np.column_stack([marks.labels, marks.boxes])
    return len(np.unique(rows, axis=0)) < len(rows)


def _masks(facts: MarkFacts, form: Masks, labels: list[Any], sizes: np.ndarray) -> None:
    def pixels(i: int) -> np.ndarray | None:
        if not sizes[i][0]:
            return None
        mask = form.prepare(labels[i], tuple(sizes[i]))
        return np.bincount(mask.ravel(), minlength=256)

    work = parallel.guarded(pixels, images.UNREADABLE)
    for i, found in enumerate(parallel.in_order(work, len(labels), progress=False)):
        if isinstance(found, Exception):
            facts.reasons[i] = str(found)
        elif found is not None:
            facts.counts[i] = found[: facts.counts.shape[1]]


def findings(
    collection: Collection, facts: MarkFacts, names: Callable[[Sequence[int]], list[str]],
    add: Callable[..., None],
) -> None:  # fmt: skip
    """Tell what is wrong.

    Args:
        collection: the data set.
        facts: from `look`.
        names: what the pictures at some places are called.
        add: takes kind, sentence and the list of what it is about.
    """
    what = "mask" if collection.annotation == "mask" else "boxes"
    if facts.reasons:
        reasons = zip(names([*facts.reasons]), facts.reasons.values(), strict=True)
        rows = [f"{name}: {why}" for name, why in reasons]
        add("misfit", f"{_count(rows, 'picture')} and {what} do not go together", rows)
    skipped = [row for part in collection.parts.values() for row in part.skipped]
    boxes = [f"{name}: {why}" for name, why in skipped if ": box " in name]
    files = [f"{name}: {why}" for name, why in skipped if ": box " not in name]
    if boxes:
        add("bad_box", f"{_count(boxes, 'box', 'boxes')} cannot be", boxes)
    if files:
        add("alone", f"{_count(files, 'picture or annotation', 'pictures or annotations')} "
            "without the other", files)  # fmt: skip
    if facts.twins:
        rows = names(facts.twins)
        add("twin_box", f"{_count(rows, 'picture')} with the same box twice", rows)
    if facts.thin:
        rows = names(facts.thin)
        add("thin_box", f"{_count(rows, 'picture')} with a box of less than {THIN:g} pixels", rows)
    if len(none := [i for i in np.flatnonzero(~facts.counts.any(1)) if i not in facts.reasons]):
        rows = names(none)
        shows = "no class" if what == "mask" else "no box"
        add("no_box", f"{_count(rows, 'picture')} with {shows}", rows)


def _count(rows: Sequence[Any], one: str, many: str | None = None) -> str:
    return f"{len(rows)} {one if len(rows) == 1 else many or one + 's'}"


def summary(facts: MarkFacts) -> dict[str, Any]:
    """{"boxes", "boxes_a_picture", "box_width", "box_height"}: how many, and least, median and
    greatest; sides in shares of the photo's. {} of masks."""
    if not len(facts.sides):
        return {}

    def three(values: np.ndarray) -> list[float]:
        return [round(float(x), 4) for x in (values.min(), np.median(values), values.max())]

    return {
        "boxes": int(facts.counts.sum()),
        "boxes_a_picture": three(facts.counts.sum(1)),
        "box_width": three(facts.sides[:, 0]),
        "box_height": three(facts.sides[:, 1]),
    }
