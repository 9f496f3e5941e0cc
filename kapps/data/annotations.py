"""What is known about each picture, and the arrays that it becomes in a batch.

| annotation | in `Source.labels` | in a batch |
|---|---|---|
| class | int64 [N]: the index of its class | int32 [B], or one-hot float32 [B, classes] |
| labels | uint8 [N, classes]: 1 for each class that it shows | float32 [B, classes] |
| values | float32 [N, n]: numbers with names | float32 [B, n] |
"""

import dataclasses

import numpy as np

from kapps.data import mixing

ANNOTATIONS = ("class", "labels", "values")


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

    def batch(self, labels: np.ndarray) -> np.ndarray:
        """Chosen rows of `Source.labels` as the annotations of a batch."""
        if self.classes:
            return mixing.one_hot(labels, self.classes)
        return labels.astype(self.dtype)


def form(annotation: str, outputs: int, one_hot: bool = False) -> Rows:
    """What the annotations of a batch look like.

    Args:
        annotation: one of ANNOTATIONS.
        outputs: how many classes, or numbers.
        one_hot: class numbers as rows of probability.

    Raises:
        ValueError: one_hot with another annotation than "class".
    """
    if annotation == "class":
        if one_hot:
            return Rows(annotation, (outputs,), np.float32, outputs)
        return Rows(annotation, (), np.int32)
    if one_hot:
        raise ValueError(
            f"one_hot=True has no effect with annotation={annotation!r}, whose rows are floats "
            "already; drop it."
        )
    return Rows(annotation, (outputs,), np.float32)


def check(annotation: str) -> None:
    """ValueError unless there is such an annotation."""
    if annotation not in ANNOTATIONS:
        raise ValueError(f"annotation={annotation!r} is not one of {', '.join(ANNOTATIONS)}.")


def strata(annotation: str, labels: np.ndarray) -> np.ndarray:
    """The group of each picture, of which every one gives its share to validate.

    Classes are groups. A picture with several labels counts for its rarest one, as in the first
    step of iterative stratification (Sechidis et al., ECML 2011); without any it is in a group of
    its own kind. Numbers are one group.

    Args:
        annotation: one of ANNOTATIONS.
        labels: of the pictures, as in `Source.labels`.

    Returns:
        int [N].
    """
    if annotation == "class":
        return labels
    if annotation == "labels":
        counts = labels.sum(axis=0, dtype=np.int64)
        rarity = np.where(labels > 0, counts, len(labels) + 1)
        return np.where(labels.any(axis=1), rarity.argmin(axis=1), labels.shape[1])
    return np.zeros(len(labels), np.int64)
