"""Detection with any classifier: it looks at many parts of an image, one by one.

With the windows of `windows` this is the sliding window, with the regions of
`kapps.detection.selective_search` it is how R-CNN classifies; the rest of that is in
`kapps.detection.rcnn`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kapps.detection.host import suppress_on_host
from kapps.detection.rules import Suppression

CONTEXT = 16 / (227 - 2 * 16)  # of R-CNN: 16 of 227 pixels around a region, as a share of its side


def windows(
    size: tuple[int, int], side: int, stride: float = 0.5, scales: Sequence[float] = (1.0,)
) -> np.ndarray:
    """Squares laid over an image, row by row, those of each scale one after the other.

    Args:
        size: (height, width) of the image in pixels.
        side: of a window in pixels. scales: what it is multiplied by.
        stride: from one window to the next, as a share of its side.

    Returns:
        (n, 4) float32, left, top, right, bottom; the last of a row or column ends at the edge.

    Raises:
        ValueError: no window fits, or a stride that is none.
    """
    if not 0 < stride <= 1:
        raise ValueError(f"stride={stride!r}: expected a share of the side, such as 0.5")
    height, width = size
    found = []
    for scale in scales:
        own = side * scale
        if own <= min(size):
            tops, lefts = (np.append(np.arange(0, n - own, own * stride), n - own) for n in size)
            found += [(x, y, x + own, y + own) for y in tops for x in lefts]
    if not found:
        raise ValueError(f"side={side!r} fits into no image of {height} x {width}; use a smaller")
    return np.float32(found)


def classified(
    model: Any,
    image: np.ndarray,
    boxes: np.ndarray,
    *,
    background: int | None = None,
    context: float = 0.0,
    threshold: float = 0.5,
    iou: float = 0.3,
    max_detections: int = 100,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """What a classifier sees in parts of an image, each warped to its input.

    Source: Rich feature hierarchies (Girshick et al., 2014, arXiv:1311.2524), section 2 and
    appendix A; suppression by 0.3.

    Args:
        model: a Keras model that takes RGB images in [0, 255] of a static size and answers
            probabilities (batch, classes).
        image: (height, width, 3) uint8.
        boxes: (n, 4), left, top, right, bottom in pixels.
        background: the class that is nothing, if there is one.
        context: how much around a box is seen too, as a share of its sides; `CONTEXT` is R-CNN's.
            Beyond the image there is its mean.
        threshold, iou, max_detections: as of `kapps.detections`.
        batch_size: parts at a time.

    Returns:
        {"boxes", "scores", "classes"} as of `kapps.detections`.

    Raises:
        ValueError: the model answers no probabilities, or an image of another form.
    """
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"an image of shape {image.shape} and type {image.dtype}: expected (height, width, 3) "
            "of uint8"
        )
    boxes = np.asarray(boxes, "float32").reshape(-1, 4)
    height, width = model.input_shape[1:3]
    scores = []
    for start in range(0, len(boxes), batch_size):
        parts = warped(image, boxes[start : start + batch_size], (height, width), context)
        scores.append(np.asarray(model.predict_on_batch(parts), "float32"))
    scores = np.concatenate(scores)
    if scores.ndim != 2 or scores.min() < 0 or scores.max() > 1 + 1e-3:
        raise ValueError(
            f"{model.name} answers {scores.shape[1:]} from {scores.min():.3g} to "
            f"{scores.max():.3g}; expected a probability for each class"
        )
    if background is not None:
        scores[:, background] = 0
    rule = Suppression(threshold, iou, max_detections, None, best_class=True)
    found = suppress_on_host(boxes[None], scores[None], rule)
    count = found["count"][0]
    return {key: found[key][0, :count] for key in ("boxes", "scores", "classes")}


def sliding_window(
    model: Any,
    image: np.ndarray,
    side: int | None = None,
    stride: float = 0.5,
    scales: Sequence[float] = (1.0,),
    **settings: Any,
) -> dict[str, np.ndarray]:
    """`classified` for all `windows`, by default of the model's own height."""
    side = model.input_shape[1] if side is None else side
    return classified(model, image, windows(image.shape[:2], side, stride, scales), **settings)


def warped(image: np.ndarray, boxes: np.ndarray, size: tuple[int, int], context: float = 0.0):
    """(n, height, width, 3) float32: parts of an image, of whole pixels, at one size."""
    from PIL import Image

    sides = boxes[:, 2:] - boxes[:, :2]
    around = np.concatenate([boxes[:, :2] - context * sides, boxes[:, 2:] + context * sides], 1)
    edge = int(np.ceil(max(0, -around.min(), (around[:, 2:] - image.shape[1::-1]).max())))
    canvas = np.empty((image.shape[0] + 2 * edge, image.shape[1] + 2 * edge, 3), np.uint8)
    canvas[:] = image.mean(axis=(0, 1)).round()
    canvas[edge : edge + image.shape[0], edge : edge + image.shape[1]] = image
    photo, parts = Image.fromarray(canvas), []
    for box in np.round(around + edge).astype(int):
        # A part of its own: what lies beside it does not bleed into it.
        part = photo.crop((box[0], box[1], max(box[2], box[0] + 1), max(box[3], box[1] + 1)))
        parts.append(np.asarray(part.resize(size[::-1], Image.Resampling.BILINEAR), "float32"))
    return np.stack(parts)
