"""How often each class is there, and what is wrong with that: for `kapps.data.checking`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kapps.data.sources import Collection

FEW = 10  # pictures of a class that are hardly enough to learn it
UNBALANCED = 10.0  # times as many pictures in one class as in another
COUNTED = {"class": "pictures", "boxes": "boxes", "mask": "pictures"}  # of each class, in tables


def of_classes(
    collection: Collection,
    facts: Any,
    parts: list[str],
    shown: np.ndarray,
    add: Callable[..., None],
) -> list[dict[str, Any]]:
    """Count the classes, and tell what is wrong with them.

    Args:
        collection: the data set.
        facts: of the pictures, see `checking`.
        parts: the names of its parts.
        shown: int64 [N, classes], how much of a class each picture shows.
        add: takes kind, sentence and the list of what it is about.

    Returns:
        A row for each class, see `checking.check`.
    """
    names, good, what = collection.classes, facts.readable, COUNTED[collection.annotation]
    one_class = collection.annotation == "class"
    table, counted = np.zeros((len(names), len(parts)), np.int64), shown[good]
    if what == "pictures":
        counted = (counted > 0).astype(np.int64)
    np.add.at(table.T, facts.parts[good], counted)
    whole = table.sum(axis=1)
    empty = sorted({*empty_folders(collection), *(names[i] for i in np.flatnonzero(whole == 0))})
    if empty:
        add("empty_class", f"classes without a picture: {_some(empty)}", empty)
    if one_class and len(names) < 2:
        add("one_class", f"there is one class, {names[0]!r}", [])
    first = parts.index("train") if "train" in parts else 0
    judged = [i for i in range(len(parts)) if i != first]
    for kind, mask, text in (
        ("no_train", (table[:, first] == 0) & (whole > 0), "nothing to train on"),
        ("no_judge", (table[:, judged].sum(axis=1) == 0) & (whole > 0), "nothing to judge by"),
        ("few", (table[:, first] < FEW) & (table[:, first] > 0), f"fewer than {FEW} to train on"),
    ):
        if mask.any() and (judged or kind == "few"):
            found = [names[i] for i in np.flatnonzero(mask)]
            add(kind, f"classes with {text}: {_some(found)}", found)
    filled = np.flatnonzero(table[:, first])
    if len(filled):
        most, least = (filled[pick(table[filled, first])] for pick in (np.argmax, np.argmin))
        ratio = table[most, first] / table[least, first]
        if ratio > UNBALANCED:
            text = f"{names[most]!r} has {ratio:.0f} times as many {what} as {names[least]!r}"
            add("imbalance", text, [])
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault("".join(name.casefold().split()), []).append(name)
    if twins := [group for group in folded.values() if len(group) > 1]:
        add("names", f"classes that differ in case or spaces alone: {_some(twins[0])}", twins)
    seen, pixels = (shown[good] > 0).sum(axis=0), {}
    if collection.annotation == "mask":
        share = shown.sum(axis=0) / max(shown.sum(), 1)
        pixels = {i: {"pixels": round(float(share[i]), 4)} for i in range(len(names))}
    return [
        {"name": name, "pictures": int(seen[i])}
        | pixels.get(i, {})
        | {part: int(table[i, j]) for j, part in enumerate(parts)}
        for i, name in enumerate(names)
    ]


def empty_folders(collection: Collection) -> list[str]:
    """Class folders that hold no picture; listing leaves them out."""
    found = set()
    for folder in collection.folders.values():
        found |= {path.name for path in Path(folder).iterdir() if path.is_dir()}
    return [name for name in found - set(collection.classes) if not name.startswith(".")]


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
