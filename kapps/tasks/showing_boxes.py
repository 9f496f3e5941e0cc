"""What a report shows of detections."""

from collections.abc import Sequence

import numpy as np

from kapps.detection import judging
from kapps.tasks.findings import Curve, Finding, Mark, Matrix, Sample, Samples, Table

SHOWN = 8  # photos of each sort
CLASSES = 20  # in tables and matrices


def findings(
    result: judging.Judgement,
    truths: judging.Truths,
    found: Sequence[dict[str, np.ndarray]],
    names: Sequence[str],
    threshold: float,
) -> list[Finding]:
    """Tables, curves and photos.

    Args:
        result: what the evaluator said.
        truths, found: of all photos, in their pixels.
        names: of the classes.
        threshold: score from which on a detection counts in the matrix and is drawn.
    """
    rows = [
        (name, boxes, f"{100 * ap:.1f}", f"{100 * ap50:.1f}", f"{100 * recall:.1f}")
        for name, (ap, ap50, recall, boxes) in zip(names, result.per_class, strict=True)
        if boxes
    ]
    columns = ("class", ">boxes", ">AP@[.5:.95] %", ">AP@.5 %", ">recall@.5 %")
    shown = [i for i, row in enumerate(result.per_class) if row[3]][:CLASSES]
    recalls = np.linspace(0, 1, 101)
    lines = {
        names[i]: [(float(x), float(y)) for x, y in zip(recalls, result.curves[i], strict=True)]
        for i in shown
    }
    counts = judging.confusion(truths, found, len(names), threshold)
    chosen = [*shown, len(names)]
    labels = [*(names[i] for i in shown), "nothing"]
    matrix = counts[np.ix_(chosen, chosen)].tolist()
    return [
        Table("Classes", "", columns, sorted(rows, key=lambda row: float(row[3]))),
        Curve("Precision by recall", "At an overlap of 0.5.", "recall", "precision", lines, True),
        Matrix(
            "What is taken for what",
            f"Detections of a score of {threshold:g} or more.",
            labels,
            matrix,
        ),
        *_photos(truths, found, names, threshold),
    ]


def _photos(truths, found, names, threshold: float) -> list[Samples]:
    """The worst and the best photos, by the share of right boxes among all that were drawn."""
    samples = []
    for photo, one in enumerate(found):
        sure = one["scores"] >= threshold
        one = {key: values[sure] for key, values in one.items()}
        samples.append(_sample(photo, truths, one, names))
    order = sorted(range(len(samples)), key=lambda i: samples[i][0])
    half = min(SHOWN, len(order) // 2)
    worst, best = order[: len(order) - half][:SHOWN], order[::-1][:half]
    text = "Truth in white; what was found in green where it is right, in red where it is not."
    return [
        Samples(title, text, [samples[i][1] for i in chosen])
        for title, chosen in (("The worst photos", worst), ("The best photos", best))
        if chosen
    ]


def _sample(photo: int, truths, found: dict, names) -> tuple[float, Sample]:
    boxes, classes, apart = truths.boxes[photo], truths.classes[photo], truths.apart[photo]
    pairs = judging.pairs((boxes, classes), found)
    right = sum(i is not None and j is not None and not apart[i] for i, j in pairs)
    missed = sum(i is not None and j is None and not apart[i] for i, j in pairs)
    wrong = sum(i is None for i, _ in pairs)
    share = 2 * right / max(2 * right + missed + wrong, 1)
    place, size = truths.placements[photo], truths.sizes[photo]
    marks = [Mark(_input(box, place, size), "", "truth") for box in boxes[~apart]]
    for i, j in pairs:
        if j is not None:
            box = _input(found["boxes"][j], place, size)
            text = f"{names[found['classes'][j]]} {found['scores'][j]:.0%}"
            marks.append(Mark(box, text, "wrong" if i is None else "right"))
    caption = f"{right} right, {missed} missed, {wrong} wrong"
    return share, Sample(photo, caption, not missed and not wrong, None, marks)


def _input(box, place, size) -> tuple[float, float, float, float]:
    """A box in pixels of the photo as one in pixels of the network's input."""
    shares = np.asarray(box, "float64") / [*size, *size]
    return tuple(round(float(x), 1) for x in place.boxes(shares[None])[0])
