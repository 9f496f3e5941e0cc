"""Suppression of arrays that are on the host already: the same detections, in numpy.

For jobs that judge or draw what a model said, and need no backend for it.
"""

import numpy as np

from kapps.detection.rules import CHUNK, Suppression


def suppress_on_host(
    boxes: np.ndarray, scores: np.ndarray, rule: Suppression | None = None, levels=None
) -> dict[str, np.ndarray]:
    """As `kapps.detection.suppression.suppress`, with numpy arrays in and out."""
    rule = rule or Suppression()
    boxes, scores = np.asarray(boxes, "float32"), np.asarray(scores, "float32")
    batch, most = len(scores), rule.max_detections
    found = {
        "boxes": np.zeros((batch, most, 4), "float32"),
        "scores": np.zeros((batch, most), "float32"),
        "classes": np.full((batch, most), -1, "int32"),
        "anchors": np.full((batch, most), -1, "int32"),
        "count": np.zeros(batch, "int32"),
    }
    for image in range(batch):
        values, anchors, classes = _candidates(scores[image], rule, levels)
        own = boxes[image][anchors, classes] if boxes.ndim == 4 else boxes[image][anchors]
        way = WAYS.get(rule.method, _one_by_one)
        values, kept = way(own, values, classes, rule)
        count = len(kept)
        found["count"][image] = count
        found["scores"][image, :count] = values
        found["boxes"][image, :count] = own[kept]
        found["classes"][image, :count] = classes[kept]
        found["anchors"][image, :count] = anchors[kept]
    return found


def _candidates(scores, rule: Suppression, levels):
    """(scores, anchors, classes) of what may be a detection, each (K,), best first."""
    count, number = scores.shape
    if rule.candidates_of == "image":
        levels = (count,)
    elif rule.candidates_of == "level" and (levels is None or sum(levels) != count):
        raise ValueError(
            f"levels={levels!r} with {count} boxes: expected how many there are at each level"
        )
    if rule.best_class:
        best = np.argmax(np.where(np.isnan(scores), -1, scores), axis=1)
        hot = np.zeros_like(scores)
        hot[np.arange(count), best] = scores[np.arange(count), best]
        scores = hot
    if rule.candidates_of == "class":
        parts = [(slice(None), slice(c, c + 1)) for c in range(number)]
    else:
        ends = np.cumsum(levels)
        parts = [(slice(e - n, e), slice(None)) for n, e in zip(levels, ends, strict=True)]
    found = []
    for rows, columns in parts:
        anchors, classes = np.nonzero(scores[rows, columns] > rule.threshold)
        values = scores[rows, columns][anchors, classes]
        order = np.argsort(-values, kind="stable")[: rule.candidates]
        anchors = anchors[order] + (rows.start or 0)
        found.append((values[order], anchors, classes[order] + (columns.start or 0)))
    values, anchors, classes = (np.concatenate(x) for x in zip(*found, strict=True))
    order = np.argsort(-values, kind="stable")
    return values[order], anchors[order], classes[order]


def _greedily(boxes, scores, classes, rule: Suppression):
    """(scores, indices) of hard suppression: the next best are compared with those kept so far.

    What comes after the last one kept is never looked at.
    """
    kept = np.zeros(0, int)
    columns = boxes.T
    for start in range(0, len(scores), CHUNK):
        here = slice(start, start + CHUNK)
        own, before = columns[:, here], columns[:, kept]
        hidden = _overlap(own[:, :, None], before[:, None]) > rule.iou
        hides = _overlap(own[:, :, None], own[:, None]) > rule.iou
        if not rule.agnostic:
            hidden &= classes[here][:, None] == classes[kept]
            hides &= classes[here][:, None] == classes[here]
        alive = ~hidden.any(axis=1)
        for i in range(len(alive)):
            if alive[i]:
                alive[i + 1 :] &= ~hides[i, i + 1 :]
        kept = np.concatenate([kept, start + np.flatnonzero(alive)])
        if len(kept) >= rule.max_detections:
            break
    kept = kept[: rule.max_detections]
    return scores[kept], kept


def _one_by_one(boxes, scores, classes, rule: Suppression):
    """(scores, indices) of soft suppression: the best that is left, again and again."""
    columns = np.ascontiguousarray(boxes.T)
    left = np.arange(len(scores))
    values, kept = [], []
    while len(left) and len(kept) < rule.max_detections:
        place = int(np.argmax(scores))
        values.append(scores[place])
        kept.append(left[place])
        overlap = _overlap(columns[:, place, None], columns)
        if rule.method == "gaussian":
            weight = np.exp(-np.square(overlap) / rule.width)
        else:
            weight = np.where(overlap > rule.iou, 1 - overlap, 1)
        if not rule.agnostic:
            weight = np.where(classes == classes[place], weight, 1)
        scores = scores * weight
        stay = scores > rule.threshold
        stay[place] = False
        scores, classes, left = scores[stay], classes[stay], left[stay]
        columns = columns[:, stay]
    return np.array(values, "float32"), np.array(kept, int)


def _at_once(boxes, scores, classes, rule: Suppression):
    """As `_one_by_one`, by the formula of matrix suppression."""
    overlaps = overlap(boxes, boxes)
    stronger = np.triu(np.ones(overlaps.shape, bool), 1)
    if not rule.agnostic:
        stronger &= classes[:, None] == classes
    overlaps = np.where(stronger, overlaps, 0)
    hidden = overlaps.max(axis=0, initial=0)[:, None]
    decay = np.exp(rule.width * (hidden**2 - overlaps**2)).min(axis=0, initial=1)
    scores = scores * decay
    order = np.argsort(-scores, kind="stable")[: rule.max_detections]
    order = order[scores[order] > rule.threshold]
    return scores[order], order


def _all(_boxes, scores, _classes, rule: Suppression):
    """The best, whatever they overlap."""
    return scores[: rule.max_detections], np.arange(min(len(scores), rule.max_detections))


WAYS = {"hard": _greedily, "matrix": _at_once, "none": _all}


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each of (n, 4) with each of (m, 4) boxes: (n, m)."""
    return _overlap(a.T[:, :, None], b.T[:, None])


def _overlap(a, b):
    """Intersection over union of boxes whose first axis is (left, top, right, bottom)."""
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    both = np.maximum(width, 0) * np.maximum(height, 0)
    one, other = (np.maximum(x[2] - x[0], 0) * np.maximum(x[3] - x[1], 0) for x in (a, b))
    either = one + other - both
    return both / np.where(either > 0, either, 1)
