"""What is known about each picture, and the arrays that it becomes in a batch.

| annotation | in `Source.labels` | in a batch |
|---|---|---|
| class | int64 [N]: the index of its class | int32 [B], or one-hot float32 [B, classes] |
| labels | uint8 [N, classes]: 1 for each class that it shows | float32 [B, classes] |
| values | float32 [N, n]: numbers with names | float32 [B, n] |
| boxes | object [N]: a `marks.Marks` each | {"boxes": float32 [B, n, 4], "labels": int32 [B, n]} |
| objects | object [N]: the same, with shapes | see `kapps.data.objects` |
| mask | object [N]: path or array of its mask | uint8 [B, H, W] |
| none | int64 [N]: 0 | nothing: a batch is (images,) |

Boxes and masks move with the picture, see `kapps.data.marks` and `kapps.data.placement`.
"""

import dataclasses
from typing import Protocol

import numpy as np

from kapps.data import mixing
from kapps.data.marks import Array, Boxes, Masks
from kapps.data.objects import Objects, mirrored
from kapps.data.sources import Collection, Source
from kapps.errors import DataError

ANNOTATIONS = ("class", "labels", "values", "boxes", "objects", "mask", "none")
BOXES = ("boxes", "objects")
MOVING = (*BOXES, "mask")
CLASSES = ("class", "labels", *BOXES)  # what tells of classes, so that `strata` has several


class Form(Protocol):
    """What the annotations of a batch look like. One that moves has the methods of `marks.Boxes`.

    Attributes:
        annotation: one of ANNOTATIONS.
        moves: whether geometry of the picture moves it.
        channels: how many bytes a pixel it takes in memory.
    """

    annotation: str
    moves: bool
    channels: int

    def signature(self, size: tuple[int, int]) -> Array | dict[str, Array]:
        """What one picture has in an input of that size."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """An annotation of one number or one row of numbers, which no geometry moves.

    Attributes:
        annotation: one of ANNOTATIONS.
        shape: of what one picture has, () for a number.
        dtype: in a batch.
        classes: how many, where class numbers become one-hot rows; else 0.
    """

    annotation: str
    shape: tuple[int, ...]
    dtype: type
    classes: int = 0
    moves = False
    channels = 0

    def signature(self, size: tuple[int, int]) -> Array:  # noqa: ARG002
        """What one picture has in an input of that size."""
        return Array(self.shape, self.dtype)

    def batch(self, labels: np.ndarray) -> np.ndarray:
        """Chosen rows of `Source.labels` as the annotations of a batch."""
        if self.classes:
            return mixing.one_hot(labels, self.classes)
        return labels.astype(self.dtype)


def form(
    collection: Collection,
    source: Source,
    outputs: int,
    one_hot: bool = False,
    max_boxes: int | None = None,
    joined: int = 1,
) -> Form:
    """What the annotations of a batch look like.

    Args:
        collection: says what is annotated.
        source: the pictures.
        outputs: how many classes, or numbers.
        one_hot: class numbers as rows of probability.
        max_boxes: how many boxes a picture has room for; None for as many as one has at most.
        joined: of how many photos a picture may be made.

    Raises:
        ValueError: one_hot or max_boxes with an annotation that has none.
        DataError: a photo has more boxes than there is room for.
    """
    annotation = collection.annotation
    if one_hot and annotation != "class":
        raise ValueError(f"one_hot=True has no effect with annotation={annotation!r}; drop it.")
    if max_boxes is not None and annotation not in BOXES:
        raise ValueError(f"max_boxes has no effect with annotation={annotation!r}; drop it.")
    if annotation == "class":
        if one_hot:
            return Rows(annotation, (outputs,), np.float32, outputs)
        return Rows(annotation, (), np.int32)
    if annotation == "boxes":
        return Boxes(_room(source, max_boxes, joined))
    if annotation == "objects":
        return Objects(_room(source, max_boxes, joined), mirrored(collection.points))
    if annotation == "mask":
        return Masks(collection.numbers)
    return Rows(annotation, (outputs,), np.float32)


def _room(source: Source, max_boxes: int | None, joined: int) -> int:
    counts = [int((~marks.apart).sum()) for marks in source.labels]
    most = max(counts)
    if max_boxes is None:
        return max(sum(sorted(counts)[-joined:]), 1)
    if not isinstance(max_boxes, int) or max_boxes < 1:
        raise ValueError(f"max_boxes={max_boxes!r} is not a whole number above 0.")
    if most > max_boxes:
        raise DataError(
            f"{source.names[counts.index(most)]} has {most} boxes, more than "
            f"max_boxes={max_boxes}; raise it, or leave the picture out."
        )
    return max_boxes


def check(annotation: str) -> None:
    """ValueError unless there is such an annotation."""
    if annotation not in ANNOTATIONS:
        raise ValueError(f"annotation={annotation!r} is not one of {', '.join(ANNOTATIONS)}.")


def strata(annotation: str, labels: np.ndarray) -> np.ndarray:
    """The group of each picture, of which every one gives its share to validate.

    Classes are groups. A picture with several labels, or with boxes of several classes, counts for
    its rarest one, as in the first step of iterative stratification (Sechidis et al., ECML 2011);
    without any it is in a group of its own kind. All others are one group.

    Args:
        annotation: one of ANNOTATIONS.
        labels: of the pictures, as in `Source.labels`.

    Returns:
        int [N].
    """
    if annotation == "class":
        return labels
    if annotation in BOXES:
        most = max((int(marks.labels.max(initial=-1)) for marks in labels), default=-1)
        labels = np.array([np.bincount(m.labels, minlength=most + 1) > 0 for m in labels], np.uint8)
        annotation = "labels"
    if annotation == "labels" and labels.shape[1]:
        counts = labels.sum(axis=0, dtype=np.int64)
        rarity = np.where(labels > 0, counts, len(labels) + 1)
        return np.where(labels.any(axis=1), rarity.argmin(axis=1), labels.shape[1])
    return np.zeros(len(labels), np.int64)


def renumbered(
    annotation: str, labels: np.ndarray, indices: np.ndarray, outputs: int
) -> np.ndarray:
    """Labels that count by `indices` among `outputs` instead of by 0, 1, 2, ...

    Of masks the files stay as they are, see `Collection.numbers`.
    """
    if annotation == "class":
        return indices[labels]
    if annotation in BOXES:
        moved = np.empty(len(labels), object)
        moved[:] = [marks.renumbered(indices) for marks in labels]
        return moved
    if annotation not in ("labels", "values"):
        return labels
    moved = np.zeros((len(labels), outputs), labels.dtype)
    for column, index in zip(labels.T, indices, strict=True):
        # Two folders may be one class of the model: it is there if it is in one of them.
        moved[:, index] = np.where(column != 0, column, moved[:, index])
    return moved


def counts(annotation: str, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """How many pictures (or boxes) there are of each class; None where nobody can tell."""
    if annotation == "class":
        return np.bincount(labels, minlength=classes)
    if annotation == "labels":
        return labels.sum(axis=0)
    if annotation in BOXES:
        numbers = [marks.labels[~marks.apart] for marks in labels]
        return np.bincount(np.concatenate(numbers), minlength=classes)
    return None
