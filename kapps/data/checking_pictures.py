"""What is known of each picture, and what is wrong with it: for `kapps.data.checking`."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kapps.data import fingerprints, images, parallel, reading
from kapps.data.folders import SUFFIXES
from kapps.data.sources import Source

DECODED = (64, 64)  # a JPEG is decoded at the least size above this
TINY = 8  # pixels of the shorter side below which nothing can be seen
SMALLER = 8  # times smaller than the median: a thumbnail among photos
LONG = 3.0  # longer side / shorter side from which a centre crop loses most of a picture
FLAT = 2  # grey levels between the darkest and the brightest place of a picture of one colour
TELLING = 24  # pixels of the shorter side from which two pictures alike are more than chance
LARGE = 40_000_000  # pixels that take longer to decode than a step takes
PLAIN = ("L", "RGB", "P", "1")


@dataclasses.dataclass
class Facts:
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
        """Which pictures can be read: bool [N]."""
        return self.size[:, 0] > 0

    def named(self, indices: Iterable[int]) -> list[str]:
        """The names of some pictures."""
        return [self._name(int(i)) for i in indices]

    def _name(self, i: int) -> str:
        part = int(self.parts[i])
        return self.names[part][i - int(np.searchsorted(self.parts, part))]


def look(parts: dict[str, Source], advance: Callable[[int], object]) -> tuple[Facts, dict]:
    """Read every picture: what is known of each, and how many there are of each format."""
    count = sum(map(len, parts.values()))
    moving = any(source.labels.dtype == object for source in parts.values())
    facts = Facts(
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


def _pictures(count: int, one: str, many: str) -> str:
    return f"1 picture {one}" if count == 1 else f"{count} pictures {many}"


def findings(facts: Facts, parts: list[str], add: Callable[..., None]) -> None:
    """Tell what is wrong with pictures, and which are there twice.

    Args:
        parts: the names of the parts.
        add: takes kind, sentence and the list of what it is about.
    """
    _of_pictures(facts, add)
    _of_copies(facts, parts, add)


def _of_pictures(facts: Facts, add: Callable[..., None]) -> None:
    if facts.reasons:
        names = facts.named(facts.reasons)
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
            add(kind, f"{_pictures(len(found), 'is', 'are')} {text}", facts.named(found))


def _of_copies(facts: Facts, parts: list[str], add: Callable[..., None]) -> None:
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
            found.setdefault("leak", []).append(facts.named(group))
        found.setdefault(kind, []).append(facts.named(group))
        good[group[1:]] = False
    good[facts.flags.get("constant", [])] = False
    good &= facts.size.min(axis=1) >= TELLING
    for pair in fingerprints.near(facts.smalls, good):
        kind = "near_leak" if facts.parts[pair[0]] != facts.parts[pair[1]] else "near"
        found.setdefault(kind, []).append(facts.named(pair))
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
