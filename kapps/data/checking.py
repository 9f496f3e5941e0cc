"""What is in a data set, and what is wrong with it: each finding with its pictures and a cure.

Every picture is read once, in the threads that decode; JPEGs are decoded small. For each picture
less than 400 bytes are kept.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kapps.data import checking_classes, checking_marks, checking_pictures, splits
from kapps.data.annotations import MOVING
from kapps.data.sources import SPLITS, Collection, Source
from kapps.errors import DataError

ORDER = (*SPLITS, "all")  # of the parts, in tables
CURES = {
    "unreadable": "restore or delete them; training leaves them out",
    "foreign": "move them away if they belong to no class; they are left out",
    "leak": "delete them on one side: the accuracy that is measured is too high",
    "near_leak": "look at them, and keep pictures of one scene on one side of the split",
    "conflict": "keep each in the class that it belongs to",
    "duplicate": "delete the copies: they count twice",
    "near": "look at them; copies of one picture teach nothing new",
    "tiny": "delete thumbnails; training would enlarge them to a blur",
    "constant": "delete them: they show nothing",
    "long": "crop them, or train with crop_mode squash or border; a centre crop shows a part",
    "extension": "rename them; kapps goes by the contents, other programs by the name",
    "mode": "convert them to RGB if colours matter; kapps converts without a colour profile",
    "rotated": "nothing to do in kapps, which turns them upright; boxes must refer to that",
    "animation": "save the frame that you mean; the first one counts",
    "large": "shrink them once, or training waits for their decoding",
    "empty_class": "add pictures or remove the class",
    "no_train": "add pictures of it to train on; it cannot be learnt",
    "no_judge": "add pictures of it to judge by; nobody will know whether it is learnt",
    "few": "add pictures; fewer than ten hardly teach a class",
    "imbalance": "add pictures of the rare classes, or balance them when training",
    "names": "give one class one folder",
    "one_class": "add a second class; a classifier needs two or more",
    **checking_marks.CURES,
}
ERRORS = (
    *("unreadable", "leak", "conflict", "empty_class", "no_train", "names", "one_class"),
    *checking_marks.ERRORS,
)
NOTES = ("rotated", "extension", "large", "mode", "animation", *checking_marks.NOTES)


def check(
    collection: Collection,
    validation: float = 0.2,
    advance: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """Look at every picture of a data set.

    Args:
        collection: what `kapps.data.find` found, of annotation "class", "boxes" or "mask".
        validation: the share that training sets aside where the data is not divided; duplicates
            are looked for on both sides of that split too.
        advance: told how many pictures were looked at, as it goes.

    Returns:
        {"pictures", "bytes", "parts": {part: pictures}, "classes": [{"name", "pictures" that show
        it, and a count for each part: of pictures, or of boxes}], "sizes": {"width", "height":
        [least, median, greatest]}, "formats": {name: pictures}, "findings": [{"kind", "level":
        "error", "warning" or "note", "sentence", "cure", "pictures": names or pairs of names}]},
        the gravest findings first. Of boxes also what `checking_marks.summary` says; of masks each
        class has "pixels", its share.

    Raises:
        DataError: another annotation.
    """
    if collection.annotation not in checking_classes.COUNTED:
        raise DataError(
            f"{collection.uri} knows {collection.annotation} of pictures; check looks at data sets "
            f"of one {', '.join(checking_classes.COUNTED)} a picture."
        )
    parts = _parts(collection, validation)
    facts, formats = checking_pictures.look(parts, advance)
    findings: list[dict[str, Any]] = []

    def add(kind: str, sentence: str, pictures: list[Any]) -> None:
        level = "error" if kind in ERRORS else "note" if kind in NOTES else "warning"
        row = {"kind": kind, "level": level, "sentence": sentence, "cure": CURES[kind]}
        findings.append({**row, "pictures": pictures})

    checking_pictures.findings(facts, list(parts), add)
    marks = None
    if collection.annotation in MOVING:
        marks = checking_marks.look(collection, list(parts.values()), facts.size)
        checking_marks.findings(collection, marks, facts.named, add)
        shown = marks.counts
    else:
        skipped = [name for part in collection.parts.values() for name, _ in part.skipped]
        if skipped:
            add("foreign", f"{_files(len(skipped))} no picture of a class", skipped)
        shown = np.eye(len(collection.classes), dtype=np.int64)[facts.labels]
    counts = checking_classes.of_classes(collection, facts, list(parts), shown, add)
    order = ("error", "warning", "note")
    good = facts.size[facts.readable]
    sides = zip(("width", "height"), good.T, strict=True) if len(good) else ()
    return {
        "pictures": len(facts.parts),
        "bytes": int(facts.bytes.sum()),
        "parts": {part: len(source) for part, source in parts.items()},
        "classes": counts,
        "sizes": {side: [int(v.min()), int(np.median(v)), int(v.max())] for side, v in sides},
        "formats": dict(sorted(formats.items(), key=lambda row: -row[1])),
        **(checking_marks.summary(marks) if marks else {}),
        "findings": sorted(findings, key=lambda row: order.index(row["level"])),
    }


def _parts(collection: Collection, validation: float) -> dict[str, Source]:
    """The parts as training sees them: what it trains on, judges by, and tests."""
    parts = {part: collection.parts[part] for part in ORDER if part in collection.parts}
    divided = len(parts) > 1
    if not divided and validation and len(next(iter(parts.values()))) > len(collection.classes):
        return {part: splits.select(collection, part, validation) for part in ("train", "val")}
    return parts


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"
