"""What is in a data set, and what is wrong with it: each finding with its pictures and a cure.

Every picture is read once, in the threads that decode; JPEGs are decoded small. For each picture
less than 400 bytes are kept.
"""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kapps.data import (
    checking_classes,
    checking_marks,
    fingerprints,
    images,
    parallel,
    reading,
    splits,
)
from kapps.data.annotations import MOVING
from kapps.data.folders import SUFFIXES
from kapps.data.sources import SPLITS, Collection, Source
from kapps.errors import DataError

DECODED = (64, 64)  # a JPEG is decoded at the least size above this
TINY = 8  # pixels of the shorter side below which nothing can be seen
SMALLER = 8  # times smaller than the median: a thumbnail among photos
LONG = 3.0  # longer side / shorter side from which a centre crop loses most of a picture
FLAT = 2  # grey levels between the darkest and the brightest place of a picture of one colour
TELLING = 24  # pixels of the shorter side from which two pictures alike are more than chance
LARGE = 40_000_000  # pixels that take longer to decode than a step takes
ORDER = (*SPLITS, "all")  # of the parts, in tables
PLAIN = ("L", "RGB", "P", "1")
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


@dataclasses.dataclass
class _Facts:
    """Of the pictures of all parts, one after the other; a picture that cannot be read has 0."""

    names: list[Any]
    parts: np.ndarray
    labels: np.ndarray
    size: np.ndarray
    bytes: np.ndarray
    digests: np.ndarray
    smalls: np.ndarray
    flags: dict[str, list[int]]
    reasons: dict[int, str]

    @property
    def readable(self) -> np.ndarray:
        return self.size[:, 0] > 0


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
    facts, formats = _look(parts, advance)
    findings: list[dict[str, Any]] = []

    def add(kind: str, sentence: str, pictures: list[Any]) -> None:
        level = "error" if kind in ERRORS else "note" if kind in NOTES else "warning"
        row = {"kind": kind, "level": level, "sentence": sentence, "cure": CURES[kind]}
        findings.append({**row, "pictures": pictures})

    _of_pictures(facts, add)
    _of_copies(facts, list(parts), add)
    marks = None
    if collection.annotation in MOVING:
        marks = checking_marks.look(collection, list(parts.values()), facts.size)
        checking_marks.findings(collection, marks, lambda places: _all(facts, places), add)
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


def _look(parts: dict[str, Source], advance: Callable[[int], object]) -> tuple[_Facts, dict]:
    count = sum(map(len, parts.values()))
    moving = any(source.labels.dtype == object for source in parts.values())
    facts = _Facts(
        names=[source.names for source in parts.values()],
        parts=np.repeat(np.arange(len(parts)), [len(source) for source in parts.values()]),
        # Boxes and masks of copies may differ: only classes can contradict each other.
        labels=np.zeros(count, np.int64)
        if moving
        else np.concatenate([source.labels for source in parts.values()]),
        size=np.zeros((count, 2), np.int64),
        bytes=np.zeros(count, np.int64),
        digests=np.zeros(count, "S16"),
        smalls=np.zeros((count, fingerprints.HEIGHT, fingerprints.WIDTH), np.uint8),
        flags={},
        reasons={},
    )
    formats: dict[str, int] = {}
    start = 0
    for source in parts.values():
        results = parallel.in_order(
            lambda i, items=source.items: _picture(items[i]), len(source), progress=False
        )
        for i, result in enumerate(results, start):
            advance(1)
            if isinstance(result, Exception):
                facts.reasons[i] = str(result)
                continue
            facts.size[i], facts.bytes[i], facts.digests[i], facts.smalls[i], kind, flags = result
            formats[kind] = formats.get(kind, 0) + 1
            for flag in flags:
                facts.flags.setdefault(flag, []).append(i)
        start += len(source)
    return facts, formats


def _picture(item: Any) -> tuple | Exception:
    """Width and height, bytes, digest, small version, format, and flags of a picture."""
    try:
        file = images.read(item)
        data = file.getvalue() if hasattr(file, "getvalue") else bytes(memoryview(file))
        picture = images.peek(file)
        size, kind, flags = images.size_of(picture), picture.format or "array", []
        if isinstance(item, str) and not _named(item, kind):
            flags.append("extension")
        if images.is_turned(picture):
            flags.append("rotated")
        if getattr(picture, "is_animated", False):
            flags.append("animation")
        if picture.mode not in PLAIN:
            flags.append("mode")
        decoded = images.decode(picture, 3, at_least=DECODED)
    except reading.UNREADABLE as error:
        return error
    low, high = decoded.convert("L").getextrema()
    colours = decoded.getextrema()
    if high - low <= FLAT and all(b - a <= FLAT for a, b in colours):
        flags.append("constant")
    digest = hashlib.blake2b(data, digest_size=15).digest() + b"."  # numpy cuts zeros at the end
    return size, len(data), digest, fingerprints.small(decoded), kind, flags


def _named(path: str, kind: str) -> bool:
    """Whether a file's ending fits its format; one without an ending fits any."""
    suffix = Path(path).suffix.casefold()
    if suffix not in SUFFIXES:
        return True
    known = Image.registered_extensions().get(suffix)
    alike = {"MPO": "JPEG"}
    return known is None or alike.get(kind, kind) == alike.get(known, known)


def _name(facts: _Facts, i: int) -> str:
    part = int(facts.parts[i])
    return facts.names[part][int(i) - int(np.searchsorted(facts.parts, part))]


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def _pictures(count: int, one: str, many: str) -> str:
    return f"1 picture {one}" if count == 1 else f"{count} pictures {many}"


def _of_pictures(facts: _Facts, add: Callable[..., None]) -> None:
    if facts.reasons:
        names = [_name(facts, i) for i in facts.reasons]
        sentence = _pictures(len(names), "cannot be read", "cannot be read")
        add("unreadable", f"{sentence}: {next(iter(facts.reasons.values()))}", names)
    good = facts.readable
    short, long = facts.size.min(axis=1), facts.size.max(axis=1)
    median = float(np.median(short[good])) if good.any() else 0.0
    limit = max(TINY, median / SMALLER)
    masks = {
        "tiny": (good & (short < limit), f"under {limit:.0f} pixels on the shorter side"),
        "long": (good & (long > LONG * short), f"more than {LONG:g} times as long as wide"),
        "large": (facts.size.prod(axis=1) > LARGE, f"of more than {LARGE // 10**6} megapixels"),
    }
    flagged = {
        "constant": "of one colour",
        "extension": "named by the ending of another format",
        "mode": "neither RGB, grey nor of a palette (CMYK, transparent or of 16 bits)",
        "rotated": "stored lying and marked to be turned (EXIF)",
        "animation": "of several frames",
    }
    for kind, text in flagged.items():
        mask = np.zeros(len(good), bool)
        mask[facts.flags.get(kind, [])] = True
        masks[kind] = (mask, text)
    for kind, (mask, text) in masks.items():
        if mask.any():
            found = np.flatnonzero(mask)
            add(kind, f"{_pictures(len(found), 'is', 'are')} {text}", _all(facts, found))


def _all(facts: _Facts, indices: Any) -> list[str]:
    return [_name(facts, i) for i in indices]


def _of_copies(facts: _Facts, parts: list[str], add: Callable[..., None]) -> None:
    """The same file, or nearly the same picture, twice."""
    good = facts.readable.copy()
    places = np.flatnonzero(good)
    found: dict[str, list[list[str]]] = {}
    for group in fingerprints.same(facts.digests[places]):
        group = places[group]
        across = len(set(facts.parts[group].tolist())) > 1
        differs = len(set(facts.labels[group].tolist())) > 1
        kind = "conflict" if differs else "leak" if across else "duplicate"
        if differs and across:
            found.setdefault("leak", []).append(_all(facts, group))
        found.setdefault(kind, []).append(_all(facts, group))
        good[group[1:]] = False
    good[facts.flags.get("constant", [])] = False
    good &= facts.size.min(axis=1) >= TELLING
    for pair in fingerprints.near(facts.smalls, good):
        kind = "near_leak" if facts.parts[pair[0]] != facts.parts[pair[1]] else "near"
        found.setdefault(kind, []).append(_all(facts, pair))
    where = " and ".join(parts) if len(parts) < 3 else ", ".join(parts)
    texts = {
        "leak": f"in more than one of {where}, byte for byte",
        "near_leak": f"nearly the same in more than one of {where}",
        "conflict": "the same file in several classes",
        "duplicate": "there more than once, byte for byte",
        "near": "nearly the same within one part",
    }
    for kind, text in texts.items():
        if rows := found.get(kind):
            verb = "is" if len(rows) == 1 else "are"
            what = "group of pictures" if len(rows) == 1 else "groups of pictures"
            add(kind, f"{len(rows)} {what} {verb} {text}", rows)
