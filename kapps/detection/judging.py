"""How good detections are: COCO's own evaluator, and what it does not say.

Truths and detections are in pixels of the photo. Masks and points are in `judging_shapes`.
"""

import contextlib
import dataclasses
import io
from collections.abc import Sequence

import numpy as np

from kapps.detection.host import overlap
from kapps.errors import MissingPackageError

RIGHT = 0.5  # intersection over union from which on a detection is the truth's


@dataclasses.dataclass(frozen=True)
class Truths:
    """The boxes that people drew.

    Attributes:
        boxes: of each photo float64 (n, 4): left, top, right, bottom in its pixels.
        classes: of each photo int64 (n,).
        apart: of each photo bool (n,): what is neither right nor wrong to find.
        sizes: (width, height) of the photos.
        placements: `kapps.data.placement.Placement` of each photo in the network's input.
        shapes: of each photo `kapps.data.marks.Shapes` in its pixels, where the data set has them.
    """

    boxes: Sequence[np.ndarray]
    classes: Sequence[np.ndarray]
    apart: Sequence[np.ndarray]
    sizes: Sequence[tuple[int, int]]
    placements: Sequence
    shapes: Sequence | None = None

    @classmethod
    def of(cls, labels: Sequence, sizes: Sequence, transform) -> "Truths":
        """From what a data set says.

        Args:
            labels: a `kapps.data.marks.Marks` for each photo.
            sizes: (width, height) of each photo.
            transform: the `kapps.data.Transform` that cuts them for the network.
        """
        sizes = [(int(width), int(height)) for width, height in sizes]
        boxes = [
            marks.boxes / [*marks.size, *marks.size] * [*size, *size]
            for marks, size in zip(labels, sizes, strict=True)
        ]
        known = all(marks.shapes is not None for marks in labels)
        return cls(
            boxes,
            [marks.labels for marks in labels],
            [marks.apart for marks in labels],
            sizes,
            [transform.placement(*size) for size in sizes],
            [m.shapes.scaled(m.size, s) for m, s in zip(labels, sizes, strict=True)]
            if known
            else None,
        )

    def __len__(self) -> int:
        return len(self.boxes)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Average precision as COCO defines it, all in 0..1; NaN where there is no truth.

    Attributes:
        map: mean over overlaps of 0.5, 0.55, ..., 0.95 and over the classes.
        map50, map75: at one overlap.
        recall: share of the truths that 100 detections a photo find, mean over the overlaps.
        per_class: (average precision, the same at 0.5, recall at 0.5, truths) of each class.
        curves: of each class precision at recalls 0, 0.01, ..., 1, at 0.5.
    """

    map: float
    map50: float
    map75: float
    recall: float
    per_class: list[tuple[float, float, float, int]]
    curves: list[np.ndarray]


def judge(truths: Truths, found: Sequence[dict[str, np.ndarray]], classes: int) -> Judgement:
    """Compare detections with truths by pycocotools.

    A truth that stands apart is a "crowd" there.

    Args:
        truths: what there is.
        found: of each photo, in its pixels, see `kapps.detection.answers.detections`.
        classes: how many there are.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    counts = np.zeros(classes, int)
    for numbers, apart in zip(truths.classes, truths.apart, strict=True):
        np.add.at(counts, numbers[~apart], 1)
    return compared(rows_of(truths), rows_found(found), truths.sizes, counts)


def compared(
    truths: list[dict],
    found: list[dict],
    sizes: Sequence[tuple[int, int]],
    counts: np.ndarray,
    by: str = "bbox",
    **more,
) -> Judgement:
    """What pycocotools says of rows as COCO has them.

    Args:
        truths, found: see `rows_of` and `rows_found`.
        sizes: (width, height) of each photo.
        counts: of the truths of each class.
        by: "bbox", "segm" or "keypoints".
        more: parameters of the evaluator.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingPackageError(
            "judging boxes needs pycocotools; `pip install 'kapps[detection]'`."
        ) from error
    classes = len(counts)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        known, said = COCO(), COCO()
        frame = {
            "images": [{"id": i, "width": w, "height": h} for i, (w, h) in enumerate(sizes)],
            "categories": [{"id": i} for i in range(classes)],
        }
        known.dataset, said.dataset = ({**frame, "annotations": x} for x in (truths, found))
        known.createIndex()
        said.createIndex()
        run = COCOeval(known, said, by)
        for name, value in more.items():
            setattr(run.params, name, value)
        run.evaluate()
        run.accumulate()
    # precision [overlaps, recalls, classes, areas, most], recall [overlaps, classes, areas, most]
    precision, recall = run.eval["precision"][..., 0, -1], run.eval["recall"][..., 0, -1]
    per_class = [
        (
            _mean(precision[:, :, i]),
            _mean(precision[0, :, i]),
            _mean(recall[0, i]),
            int(counts[i]),
        )
        for i in range(classes)
    ]
    return Judgement(
        _mean(precision),
        _mean(precision[0]),
        _mean(precision[5]),
        _mean(recall),
        per_class,
        [precision[0, :, i] for i in range(classes)],
    )


def _mean(values) -> float:
    """Over what is not -1, COCO's word for "no truth"."""
    values = np.asarray(values)
    values = values[values > -1]
    return float(values.mean()) if values.size else float("nan")


def rows_of(truths: Truths) -> list[dict]:
    """The boxes of truths as COCO writes them, photo by photo."""
    rows = []
    for photo, one in enumerate(zip(truths.boxes, truths.classes, truths.apart, strict=True)):
        for box, number, apart in zip(*one, strict=True):
            rows.append(_row(len(rows) + 1, photo, box, number) | {"iscrowd": int(apart)})
    return rows


def rows_found(found: Sequence[dict[str, np.ndarray]]) -> list[dict]:
    """Detections as COCO writes them, photo by photo."""
    rows = []
    for photo, one in enumerate(found):
        for box, score, number in zip(one["boxes"], one["scores"], one["classes"], strict=True):
            rows.append(_row(len(rows) + 1, photo, box, number) | {"score": float(score)})
    return rows


def _row(number: int, photo: int, box, category) -> dict:
    left, top, right, bottom = (float(x) for x in box)
    width, height = right - left, bottom - top
    return {
        "id": number,
        "image_id": photo,
        "category_id": int(category),
        "bbox": [left, top, width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def pairs(
    truth: tuple[np.ndarray, np.ndarray], found: dict[str, np.ndarray], same_class: bool = True
) -> list[tuple[int | None, int | None]]:
    """Which detection is which truth: each takes the free one that it overlaps most, from RIGHT on.

    Args:
        truth: boxes (n, 4) and classes (n,) of a photo.
        found: its detections, the surest first.
        same_class: whether the classes must be the same.

    Returns:
        (truth, detection) numbers; None for the other where there is none.
    """
    boxes, classes = truth
    overlaps = overlap(found["boxes"], boxes)
    if same_class:
        overlaps = np.where(found["classes"][:, None] == classes, overlaps, 0)
    rows, free = [], np.ones(len(boxes), bool)
    for number, row in enumerate(overlaps):
        row = np.where(free, row, 0)
        best = int(row.argmax()) if len(row) else None
        if best is not None and row[best] >= RIGHT:
            free[best] = False
            rows.append((best, number))
        else:
            rows.append((None, number))
    return rows + [(int(i), None) for i in np.flatnonzero(free)]


def confusion(
    truths: Truths, found: Sequence[dict[str, np.ndarray]], classes: int, score: float
) -> np.ndarray:
    """Counts [true][found] of detections of at least `score`; the last row and column are nothing.

    What stands apart, and what was found there, is not counted.
    """
    counts = np.zeros((classes + 1, classes + 1), int)
    for photo, one in enumerate(found):
        sure = one["scores"] >= score
        one = {key: values[sure] for key, values in one.items()}
        truth, apart = (truths.boxes[photo], truths.classes[photo]), truths.apart[photo]
        for i, j in pairs(truth, one, same_class=False):
            if i is not None and apart[i]:
                continue
            row = classes if i is None else truth[1][i]
            counts[row, classes if j is None else one["classes"][j]] += 1
    return counts
