"""What every kind of data set looks like to the pipeline: a list of pictures with their classes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kapps.data.texts import View

SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Source:
    """One part of a data set, with random access.

    Attributes:
        items: the pictures, each a path, the bytes of a file, or a uint8 array.
        labels: array [N, ...], what is known about each picture, see `kapps.data.annotations`;
            of one class a picture int64 [N], indices into the classes.
        names: what each picture is called in messages; also decides which validate.
        skipped: (name, reason) of what was left out while listing.
    """

    items: Sequence[Any]
    labels: np.ndarray
    names: Sequence[str]
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Source":
        """The chosen pictures, in that order; `skipped` stays."""
        return Source(
            Picked(self.items, indices),
            self.labels[indices],
            Picked(self.names, indices),
            self.skipped,
        )


class Picked(View):
    """A sequence seen through a list of indices, without copying its items."""

    def __init__(self, items: Sequence[Any], indices: np.ndarray):
        self.items, self.indices = items, indices

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, i: int) -> Any:
        return self.items[int(self.indices[i])]

    @property
    def checked(self) -> bool:
        """As `kapps.data.packed.Packed` has it."""
        return getattr(self.items, "checked", False)

    @property
    def stretches(self) -> np.ndarray | None:
        """As `kapps.data.packed.Packed` has it."""
        files = getattr(self.items, "stretches", None)
        return None if files is None else files[self.indices]

    def ahead(self, indices: np.ndarray) -> None:
        """As `kapps.data.packed.Packed` does it."""
        if hasattr(self.items, "ahead"):
            self.items.ahead(self.indices[indices])


@dataclasses.dataclass(frozen=True)
class Collection:
    """A data set as found: its parts by split, and its classes.

    Attributes:
        uri: as the user wrote it, for messages.
        parts: "train", "val", "test" as far as the data set has them, or only "all".
        classes: class names in index order; with annotation "values" the names of the numbers.
        named: whether `classes` are names that mean something; False for bare numbers, which are
            then indices already.
        crop_pct, crop_mode: of the transform used when the caller names none.
        folders: where the parts lie, for messages; {} where they are no folders.
        annotation: what `labels` of the parts hold, one of `kapps.data.annotations.ANNOTATIONS`.
        points: the names of the points of a thing, with annotation "objects".
        numbers: of masks int16 [256], the class of each number in a file; 255 is none, -1 unknown.
    """

    uri: str
    parts: dict[str, Source]
    classes: tuple[str, ...]
    named: bool = True
    crop_pct: float = 0.875
    folders: dict[str, str] = dataclasses.field(default_factory=dict)
    annotation: str = "class"
    crop_mode: str = "center"
    numbers: np.ndarray | None = None
    points: tuple[str, ...] = ()


def concatenate(sources: Sequence[Source]) -> Source:
    """All pictures of several parts, one after the other."""
    if len(sources) == 1:
        return sources[0]
    return Source(
        Chained([source.items for source in sources]),
        np.concatenate([source.labels for source in sources]),
        Chained([source.names for source in sources]),
        tuple(row for source in sources for row in source.skipped),
    )


class Chained(View):
    """Several sequences one after the other, without copying their items."""

    def __init__(self, parts: Sequence[Sequence[Any]]):
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def at(self, i: int) -> Any:
        part = int(np.searchsorted(self.ends, i, side="right"))
        return self.parts[part][i - (int(self.ends[part - 1]) if part else 0)]
