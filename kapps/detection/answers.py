"""What a detector or its exported file answers, as detections: plain numpy, so that a phone's file
is judged without Keras.
"""

import numpy as np

from kapps.detection.host import suppress_on_host
from kapps.detection.rules import Suppression

LEAST_SCORE = 0.01  # what is judged: average precision needs the weak ones too
IOU = 0.5
MOST = 100  # detections a picture, as COCO judges
CANDIDATES = 400  # of each class


def detections(
    answers: dict[str, np.ndarray],
    least_score: float = LEAST_SCORE,
    iou: float = IOU,
    most: int = MOST,
    method: str = "hard",
) -> list[dict[str, np.ndarray]]:
    """Of overlapping boxes of a class only the best, or all.

    Args:
        answers: "boxes" (B, A, 4), left, top, right, bottom, and "scores" (B, A, classes); or, of
            a network that suppresses itself, "boxes" (B, M, 4), "scores" (B, M) and "classes"
            (B, M), -1 where there is nothing.
        least_score: what a box must have more than.
        iou: intersection over union above which the weaker of two boxes goes.
        most: how many a picture has at most.
        method: of `Suppression`: "none" keeps overlapping boxes too.

    Returns:
        For each picture {"boxes": float32 (n, 4), "scores": float32 (n,), "classes": int (n,)},
        the surest first.
    """
    boxes, scores = (np.asarray(answers[key], "float32") for key in ("boxes", "scores"))
    if "classes" in answers:
        classes = np.asarray(answers["classes"]).astype("int64")
        rows = zip(boxes, scores, classes, strict=True)
        return [_finished(*row, least_score, most) for row in rows]
    rule = Suppression(least_score, iou, most, CANDIDATES, "class", method=method)
    found = suppress_on_host(boxes, scores, rule)
    keys = ("boxes", "scores", "classes")
    return [{key: found[key][i, :count] for key in keys} for i, count in enumerate(found["count"])]


def _finished(boxes, scores, classes, least_score: float, most: int) -> dict[str, np.ndarray]:
    kept = np.flatnonzero((classes >= 0) & (scores > least_score))
    kept = kept[np.argsort(-scores[kept], kind="stable")][:most]
    return {"boxes": boxes[kept], "scores": scores[kept], "classes": classes[kept]}


def moved(found: dict[str, np.ndarray], placement, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Detections in pixels of the input as those in pixels of the photo.

    Args:
        found: of one picture, see `detections`.
        placement: `kapps.data.Placement` of the photo in the input.
        size: (width, height) of the photo.
    """
    return {**found, "boxes": placement.back(found["boxes"], size)}
