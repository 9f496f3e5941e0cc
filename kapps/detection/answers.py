"""What a detector or its exported file answers, as detections: plain numpy, so that a phone's file
is judged without Keras.
"""

import numpy as np

from kapps.detection.host import suppress_on_host
from kapps.detection.pasting import joints
from kapps.detection.rules import Suppression

LEAST_SCORE = 0.01  # what is judged: average precision needs the weak ones too
IOU = 0.5
MOST = 100  # detections a picture, as COCO judges
CANDIDATES = 400  # of each class
BOXES, BACKGROUND, SET = KINDS = ("boxes", "background", "set")  # see `kind_of`


def kind_of(layer) -> str:
    """What the answers of a detector are.

    Args:
        layer: its `boxes` layer.

    Returns:
        "set" where the network finds each thing once; "background" where class 0 is nothing, as in
        files of torchvision; "boxes" otherwise.
    """
    rule = getattr(layer, "suppression", None)
    if rule is not None and rule.method == "none":
        return SET
    return BACKGROUND if getattr(layer, "background", None) == "counted" else BOXES


def detections(
    answers: dict[str, np.ndarray],
    least_score: float = LEAST_SCORE,
    iou: float = IOU,
    most: int = MOST,
    kind: str = BOXES,
) -> list[dict[str, np.ndarray]]:
    """Of overlapping boxes of a class only the best, or all; see `kind_of`.

    Args:
        answers: "boxes" (B, A, 4), left, top, right, bottom, and "scores" (B, A, classes); or, of
            a network that suppresses itself, "boxes" (B, M, 4), "scores" (B, M) and "classes"
            (B, M), -1 where there is nothing, perhaps with "masks" (B, M, side, side) or "heatmaps"
            (B, M, side, side, joints).
        least_score: what a box must have more than.
        iou: intersection over union above which the weaker of two boxes goes.
        most: how many a picture has at most.
        kind: "boxes"; "background", whose class 0 is never found; "set", where overlapping boxes
            stay too.

    Returns:
        For each picture {"boxes": float32 (n, 4), "scores": float32 (n,), "classes": int (n,)},
        the surest first, and of each its mask as it is, or its "keypoints" (n, joints, 3), see
        `kapps.detection.pasting.joints`.
    """
    if "classes" in answers:
        answers = {key: np.asarray(value) for key, value in answers.items()}
        count = len(answers["classes"])
        rows = ({key: value[i] for key, value in answers.items()} for i in range(count))
        return [_finished(row, least_score, most) for row in rows]
    boxes, scores = (np.asarray(answers[key], "float32") for key in ("boxes", "scores"))
    method = "none" if kind == SET else "hard"
    rule = Suppression(least_score, iou, most, CANDIDATES, "class", method=method)
    first = int(kind == BACKGROUND)
    found = suppress_on_host(boxes, scores[..., first:], rule)
    found["classes"] = found["classes"] + first
    keys = ("boxes", "scores", "classes")
    return [{key: found[key][i, :count] for key in keys} for i, count in enumerate(found["count"])]


def _finished(found: dict[str, np.ndarray], least_score: float, most: int) -> dict:
    """Of what a network found in a picture all that is sure enough."""
    scores = found["scores"]
    kept = np.flatnonzero((found["classes"] >= 0) & (scores > least_score))
    kept = kept[np.argsort(-scores[kept], kind="stable")][:most]
    found = {key: value[kept] for key, value in found.items()}
    if "heatmaps" in found:
        found["keypoints"] = joints(found.pop("heatmaps"), found["boxes"])
    return found


def moved(found: dict[str, np.ndarray], placement, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Detections in pixels of the input as those in pixels of the photo.

    Args:
        found: of one picture, see `detections`.
        placement: `kapps.data.placement.Placement` of the photo in the input.
        size: (width, height) of the photo.

    Returns:
        The same; with "masks" also "frames" (n, 4), the boxes that those are in: what sticks out of
        the photo is not cut off of them.
    """
    result = {**found, "boxes": placement.back(found["boxes"], size)}
    if "masks" in found:
        result["frames"] = placement.back(found["boxes"], size, cut=False)
    if "keypoints" in found:
        places = placement.back_points(found["keypoints"][..., :2], size)
        logits = found["keypoints"][..., 2:]
        result["keypoints"] = np.concatenate([places, logits], -1).astype(np.float32)
    return result
