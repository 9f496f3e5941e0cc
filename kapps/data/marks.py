"""Boxes and masks of a photo, as data sets give them, and as a batch has them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from kapps.data import images
from kapps.data.images import ImageError, ImageSource
from kapps.data.placement import IGNORE, Placement, Window, cut


@dataclasses.dataclass(frozen=True)
class Array:
    """What one picture has in a batch: shape without the batch, and dtype."""

    shape: tuple[int, ...]
    dtype: type


UNKNOWN = -1  # in the table of a data set of masks: a number that no class has
SHARES = (1, 1)  # the size of a photo whose boxes are shares of its width and height


@dataclasses.dataclass(frozen=True)
class Shapes:
    """What is known of things beside their boxes.

    Attributes:
        outlines: of each thing its polygons, float64 [k, 2] in pixels of the photo from edge to
            edge; () where nobody knows.
        points: float64 [n, points, 3], x, y, and 2 visible, 1 hidden, 0 unknown.
    """

    outlines: tuple[tuple[np.ndarray, ...], ...]
    points: np.ndarray

    def scaled(self, old: tuple[int, int], new: tuple[int, int]) -> "Shapes":
        """The same for a photo of another size (width, height)."""
        factor = np.asarray(new) / old
        points = self.points * [*factor, 1]
        return Shapes(tuple(tuple(x * factor for x in lines) for lines in self.outlines), points)


@dataclasses.dataclass(frozen=True)
class Marks:
    """The boxes of one photo.

    Attributes:
        boxes: float64 [n, 4], left, top, right, bottom from edge to edge in pixels of the photo,
            as a viewer shows it.
        labels: int64 [n], class numbers.
        size: (width, height) of the photo as the annotation has it; SHARES where boxes are shares.
        apart: bool [n], boxes that are neither trained on nor counted as missed ("difficult" in
            VOC, "iscrowd" in COCO). They are in no batch.
        shapes: more of each box, where that was asked for.
    """

    boxes: np.ndarray
    labels: np.ndarray
    size: tuple[int, int]
    apart: np.ndarray
    shapes: Shapes | None = None

    @classmethod
    def of(
        cls,
        boxes: Sequence[Sequence[float]],
        labels: Sequence[int],
        size: tuple[int, int],
        apart: Sequence[bool] = (),
    ) -> "Marks":
        """The same from plain lists; without `apart` no box is."""
        rows = np.array(boxes, np.float64).reshape(-1, 4)
        numbers = np.array(labels, np.int64).reshape(-1)
        flags = np.array(apart, bool) if len(apart) else np.zeros(len(rows), bool)
        return cls(rows, numbers, (int(size[0]), int(size[1])), flags)

    def renumbered(self, indices: np.ndarray) -> "Marks":
        """The same with the class numbers `indices[label]`."""
        return dataclasses.replace(self, labels=indices[self.labels])


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The form of boxes in a batch.

    {"boxes": float32 [B, most, 4], "labels": int32 [B, most]}: left, top, right, bottom in pixels
    of the input, and class numbers; -1 in both where a photo has fewer. A box that is cut keeps its
    visible part, and is left out where that is less than `placement.LEAST_VISIBLE` of its area.

    Attributes:
        most: boxes a photo.
    """

    most: int
    annotation = "boxes"
    channels = 0
    moves = True

    def signature(self, size: tuple[int, int]) -> dict[str, Array]:  # noqa: ARG002
        """What one picture has in an input of that size."""
        return {
            "boxes": Array((self.most, 4), np.float32),
            "labels": Array((self.most,), np.int32),
        }

    def check(self, marks: Marks, size: tuple[int, int]) -> None:
        """ImageError where the boxes were drawn in a picture of another size (width, height)."""
        if marks.size != SHARES and marks.size != tuple(size):
            turned = marks.size == tuple(size)[::-1]
            reason = ", so it was drawn before the photo was turned" if turned else ""
            raise ImageError(
                f"its annotation is of a photo of {_by(marks.size)} and it has {_by(size)} pixels"
                f"{reason}; annotate it anew or leave it out."
            )

    def prepare(self, marks: Marks, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Boxes as shares of width and height, and labels, without those that stand apart."""
        self.check(marks, size)
        wanted = ~marks.apart
        return marks.boxes[wanted] / [*marks.size, *marks.size], marks.labels[wanted]

    def keep(self, prepared: Any, size: tuple[int, int]) -> Any:  # noqa: ARG002
        """What is held in memory for a picture that is kept there with this size: the same."""
        return prepared

    def place(
        self, prepared: tuple[np.ndarray, np.ndarray], placement: Placement, size: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """The arrays of one picture, see the class."""
        return self.join([(prepared, placement, (0, 0, *size[::-1]))], size)

    def join(
        self,
        placed: Sequence[tuple[tuple[np.ndarray, np.ndarray], Placement, Window]],
        size: tuple[int, int],
    ) -> dict[str, np.ndarray]:
        """The same of a picture of several photos, each in a window of its own."""
        result = {
            "boxes": np.full((self.most, 4), -1, np.float32),
            "labels": np.full((self.most,), -1, np.int32),
        }
        for rows, boxes, kept, prepared, *_ in self.cut(placed, size):
            result["boxes"][rows], result["labels"][rows] = boxes, prepared[1][kept]
        return result

    def cut(self, placed: Sequence[tuple], size: tuple[int, int]) -> Iterator[tuple]:
        """For each photo the rows of its boxes, the boxes, which they are, and what was given."""
        begin = 0
        for prepared, placement, window in placed:
            boxes, kept = cut(placement.boxes(prepared[0]), size, window=window)
            yield slice(begin, begin + len(kept)), boxes, kept, prepared, placement, window
            begin += len(kept)

    def hold(self, prepared: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
        """Whether one picture has room for the boxes of several photos."""
        return sum(len(known[1]) for known in prepared) <= self.most

    def stack(self, rows: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The arrays of a batch."""
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


@dataclasses.dataclass(frozen=True)
class Masks:
    """The form of masks in a batch: uint8 [B, H, W], class numbers, IGNORE (255) for no class.

    Attributes:
        numbers: int16 [256], the number in a batch of each number in a file; UNKNOWN for others.
    """

    numbers: np.ndarray
    annotation = "mask"
    channels = 1
    moves = True

    def signature(self, size: tuple[int, int]) -> Array:
        """What one picture has in an input of that size."""
        return Array(size, np.uint8)

    def check(self, mask: ImageSource, size: tuple[int, int]) -> None:
        """ImageError where the mask cannot be used for a picture of (width, height)."""
        self._fits(images.peek(mask), size)

    def prepare(self, mask: ImageSource, size: tuple[int, int]) -> np.ndarray:
        """The class numbers of the whole photo, uint8 [height, width]."""
        picture = images.peek(mask)
        self._fits(picture, size)
        values = read_mask(picture)
        moved = self.numbers[values]
        if (moved == UNKNOWN).any():
            number = values[moved == UNKNOWN][0]
            raise ImageError(
                f"its mask {_name(picture)} holds the number {number}, which is no class; "
                "name it in classes.txt, or write 255 where there is none."
            )
        return moved.astype(np.uint8)

    def keep(self, prepared: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The mask for a picture that is kept in memory with this size (height, width)."""
        if prepared.shape == tuple(size):
            return prepared
        return Placement(0, 0, size[1], size[0]).mask(prepared, size)

    def place(
        self, prepared: np.ndarray, placement: Placement, size: tuple[int, int]
    ) -> np.ndarray:
        """The mask of one picture, see the class."""
        return placement.mask(prepared, size)

    def join(
        self, placed: Sequence[tuple[np.ndarray, Placement, Window]], size: tuple[int, int]
    ) -> np.ndarray:
        """The same of a picture of several photos, each in a window of its own."""
        result = np.full(size, IGNORE, np.uint8)
        for prepared, placement, (left, top, right, bottom) in placed:
            piece = np.s_[top:bottom, left:right]
            result[piece] = placement.mask(prepared, size)[piece]
        return result

    def hold(self, prepared: Sequence[np.ndarray]) -> bool:  # noqa: ARG002
        """Whether one picture has room for those of several photos: a mask always has."""
        return True

    def stack(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """The masks of a batch."""
        return np.stack(rows)

    def _fits(self, mask: Image.Image, size: tuple[int, int]) -> None:
        if images.size_of(mask) != tuple(size):
            raise ImageError(
                f"its mask {_name(mask)} has {_by(images.size_of(mask))} pixels and it "
                f"has {_by(size)}; both must be of one size."
            )


def read_mask(mask: Image.Image) -> np.ndarray:
    """The numbers of a mask from `images.peek`: of the palette, or the grey values.

    Returns:
        uint8 [H, W].

    Raises:
        ImageError: damaged, coloured, or with numbers above 255.
    """
    name = _name(mask)
    if mask.mode not in ("P", "L", "1", "I", "I;16"):
        raise ImageError(
            f"its mask {name} is {mask.mode}; expected a palette or grey PNG of class numbers."
        )
    if mask.format == "JPEG":
        raise ImageError(f"its mask {name} is a JPEG, which changes class numbers; save it as PNG.")
    try:
        values = np.asarray(mask)
    except Exception as error:  # Pillow's plugins raise OSError, SyntaxError, struct.error, ...
        raise ImageError(f"its mask {name} is damaged ({error}); restore or delete it.") from error
    if values.dtype != np.uint8 and values.size and not 0 <= values.min() <= values.max() <= 255:
        raise ImageError(
            f"its mask {name} has numbers from {values.min()} to {values.max()}; expected 0 to 255."
        )
    return values.astype(np.uint8)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _name(mask: Image.Image) -> str:
    return getattr(mask, "kapps_name", "of the picture")
