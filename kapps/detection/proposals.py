"""Region proposals: what the first stage of a detector hands to the second."""

from dataclasses import dataclass

from keras import ops

from kapps.detection.boxes import clip, sides
from kapps.detection.rules import Suppression
from kapps.detection.suppression import suppress


@dataclass(frozen=True)
class Proposals:
    """How boxes and what they are worth become regions.

    Source: Faster R-CNN (Ren et al., 2015, arXiv:1506.01497), section 3.3, for each level of a
    pyramid as in Feature Pyramid Networks (Lin et al., 2017, arXiv:1612.03144), section 4.1.

    Attributes:
        count: regions of an image, at most.
        candidates: how many of the best boxes of each level are looked at.
        iou: overlap from which on the weaker of two boxes of a level goes.
        threshold: the highest probability that is no region.
        smallest: least width and height in pixels.
    """

    count: int = 1000
    candidates: int = 1000
    iou: float = 0.7
    threshold: float = 0.0
    smallest: float = 1e-3

    def __call__(self, boxes, logits, levels, size) -> dict:
        """The regions of each image; they pass no gradient.

        Args:
            boxes: (batch, A, 4), decoded.
            logits: (batch, A), whether there is an object.
            levels: numbers of boxes of each level, whose sum is A.
            size: (height, width) of the input in pixels.

        Returns:
            {"boxes": (batch, count, 4) float32, "scores": (batch, count) float32, "count": (batch,)
            int32} by falling score; behind "count", boxes and scores are 0.
        """
        logits = ops.stop_gradient(ops.cast(logits, "float32"))
        boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
        parts, start = [], 0
        for number, length in enumerate(levels):
            most = min(self.candidates, length)
            values, index = ops.top_k(logits[:, start : start + length], most)
            index = ops.cast(index, "int32") + start
            parts.append((values, index, ops.full_like(index, number)))
            start += length
        logits, index, level = (ops.concatenate(x, axis=1) for x in zip(*parts, strict=True))
        boxes = clip(ops.take_along_axis(boxes, index[..., None], axis=1), size)
        left, top, right, bottom = sides(boxes)
        large = ops.minimum(right - left, bottom - top) >= self.smallest
        likely = ops.logical_and(large, ops.sigmoid(logits) > self.threshold)
        # The order is that of the logits: in float32 probabilities above 17 are all 1.
        worth = logits - ops.min(logits, axis=1, keepdims=True) + 1.0
        worth = ops.where(likely, worth, 0.0)
        # A level is a class here: its boxes suppress one another alone.
        hot = ops.one_hot(level, len(levels), dtype="float32")
        rule = Suppression(0.0, self.iou, self.count, candidates=None, best_class=True)
        found = suppress(boxes, hot * worth[..., None], rule)
        index = ops.maximum(found["anchors"], 0)
        scores = ops.sigmoid(ops.take_along_axis(logits, index, axis=1))
        scores = ops.where(found["anchors"] >= 0, scores, 0.0)
        return {"boxes": found["boxes"], "scores": scores, "count": found["count"]}


def with_truths(regions, boxes, classes):
    """Regions to learn from: those of a proposal network and the truths themselves.

    Source: the code of Fast R-CNN (Girshick, 2015), which torchvision follows.

    Args:
        regions: (batch, R, 4).
        boxes: (batch, N, 4). classes: (batch, N), -1 for padding.

    Returns:
        (batch, R + N, 4); a region in place of padding is 0.
    """
    there = ops.expand_dims(classes, -1) >= 0
    return ops.concatenate([regions, ops.where(there, ops.cast(boxes, regions.dtype), 0.0)], axis=1)
