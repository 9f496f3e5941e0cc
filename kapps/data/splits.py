"""Choose the pictures of a split, dividing the data set where it is not divided."""

import hashlib
from collections.abc import Sequence

import numpy as np

from kapps.data import annotations
from kapps.data.sources import SPLITS, Collection, Source, concatenate
from kapps.data.texts import ENCODING
from kapps.errors import DataError


def judging_part(collection: Collection) -> str:
    """The part of a data set that was named to judge by: val, else test, else all of it."""
    return next((part for part in ("val", "test") if part in collection.parts), "all")


def select(collection: Collection, split: str, validation: float) -> Source:
    """The part of a data set that `split` names.

    Where the data set has no validation part, a share of each class of the training part is
    set aside (`annotations.strata` says of what where there is more than a class). Which pictures
    those are depends on their names alone, not on a seed or an order: an evaluation finds the ones
    that training left out, and new photos move few of the old ones.

    Args:
        collection: what was found.
        split: "train", "val", "test" or "all".
        validation: share set aside for validation, in [0, 1).

    Raises:
        ValueError: another split, or a share out of range.
        DataError: the data set does not have this part and it cannot be made.
    """
    if split not in (*SPLITS, "all"):
        raise ValueError(f"split={split!r} is not one of train, val, test, all.")
    if not 0 <= validation < 1:
        raise ValueError(f"validation={validation!r} is not in [0, 1).")
    parts = collection.parts
    if split == "all":
        return concatenate([parts[name] for name in (*SPLITS, "all") if name in parts])
    if split in parts and (split != "train" or "val" in parts):
        return parts[split]
    whole = parts.get("train", parts.get("all"))
    if split == "test" or whole is None:
        have = ", ".join(parts) if "all" not in parts else "only an undivided part"
        raise DataError(f"{collection.uri} has no {split} part ({have}); choose another split.")
    if split == "val" and not validation:
        raise DataError(
            f"{collection.uri} has no validation part and validation=0 sets nothing aside; "
            "give a share such as 0.2."
        )
    strata = annotations.strata(collection.annotation, whole.labels)
    held = held_out(strata, whole.names, validation)
    chosen = np.flatnonzero(held if split == "val" else ~held)
    if not len(chosen):
        raise DataError(
            f"{collection.uri} has too few pictures for a {split} part: no class has two or more."
        )
    return whole.take(chosen)


def held_out(labels: np.ndarray, names: Sequence[str], share: float) -> np.ndarray:
    """Which pictures validate: of each class round(share * n), at least 1 and at most n - 1.

    Args:
        labels: int [N], the class of each picture, or another group (see `annotations.strata`).
        names: of the pictures, by whose digests they are chosen.
        share: in [0, 1).

    Returns:
        Booleans [N].
    """
    chosen = np.zeros(len(labels), bool)
    if not share:
        return chosen
    texts = (name.encode(*ENCODING) for name in names)
    digests = (hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    keys = np.fromiter(digests, "S8", len(names))
    order = np.lexsort((keys, labels))
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    for group in groups:
        if len(group) > 1:
            count = min(max(1, round(share * len(group))), len(group) - 1)
            chosen[group[:count]] = True
    return chosen
