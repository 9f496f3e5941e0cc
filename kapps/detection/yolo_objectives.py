"""What YOLO's detectors without anchors learn by: v6, v8 (and v5u) and YOLOX; see `objectives`."""

import dataclasses

import numpy as np
from keras import ops

from kapps.detection import assigning, coders, losses, matching
from kapps.detection.objective import Objective

LAST = 0.01  # of a bin that distances stay away from the last one


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv8(Objective):
    """Task-aligned matches, complete IoU, distributions of distances, soft classes.

    Source: the losses of YOLOv8 (Ultralytics, 2023), after TOOD (Feng et al., 2021,
    arXiv:2108.07755), section 3, and Generalized Focal Loss (Li et al., 2020, arXiv:2006.04388).

    Attributes:
        class_gain, box_gain, distance_gain: what the three parts count.
        most, alpha, beta, smallest: of `assigning.match_by_alignment`.
        overlap: that of boxes and truths, see `losses.box_loss`.
    """

    class_gain: float = 0.5
    box_gain: float = 7.5
    distance_gain: float = 1.5
    most: int = 10
    alpha: float = 0.5
    beta: float = 6.0
    smallest: float = 16.0
    overlap: str = "ciou"
    complete = True
    parts = ("class_loss", "box_loss", "distance_loss")

    def losses(self, raw, truth):
        logits, codes = raw["class_logits"], raw["box_regression"]
        bins = codes.shape[-1] // 4
        shares = ops.reshape(codes, (-1, codes.shape[1], 4, bins))
        said = coders.expectation(shares) if self.distance_gain else codes
        predicted = self.coder.decode(said, self.anchors)
        found = assigning.match_by_alignment(
            self.anchors,
            truth["boxes"],
            truth["labels"],
            ops.sigmoid(logits),
            predicted,
            self.most,
            self.alpha,
            self.beta,
            self.complete,
            self.smallest,
        )
        targets = matching.targets(truth["labels"], logits.shape[-1], found, soft=True)
        total = ops.sum(targets)
        boxes = self._boxes(truth, found)
        apart = losses.box_loss(predicted, boxes, self.overlap)
        parts = {
            "class_loss": self.class_gain * losses.total(self._wrong(logits, targets), None, total),
            "box_loss": self.box_gain * losses.total(apart, found.quality, total),
        }
        if self.distance_gain:
            distances = ops.clip(self.coder.encode(boxes, self.anchors), 0, bins - 1 - LAST)
            spread = ops.mean(losses.distribution_focal(shares, distances), axis=-1)
            spread = losses.total(spread, found.quality, total)
            parts["distance_loss"] = self.distance_gain * spread
        return parts

    def _wrong(self, logits, targets):
        """The loss of each class."""
        return losses.sigmoid_cross_entropy(logits, targets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv6(YOLOv8):
    """As YOLOv8, with varifocal loss and generalised or SIoU; small ones say distances themselves.

    Source: YOLOv6 (Li et al., 2022, arXiv:2209.02976), section 2.3, and its code of version 3.0,
    without its teacher.

    Attributes:
        distance_gain: 0 where the head says distances and no distributions of them.
    """

    class_gain: float = 1.0
    box_gain: float = 2.5
    distance_gain: float = 0.5
    most: int = 13
    alpha: float = 1.0
    smallest: float = 0.0
    overlap: str = "giou"
    complete = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the losses."""
        return YOLOv8.parts if self.distance_gain else YOLOv8.parts[:2]

    def _wrong(self, logits, targets):
        return losses.varifocal(logits, targets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOX(Objective):
    """SimOTA's matches, squared IoU, and an objectness of its own; points lie at corners of cells.

    Source: YOLOX (Ge et al., 2021, arXiv:2107.08430), section 2.1, and its code: the target of a
    class is the overlap, the loss of a box 1 - IoU**2, and their sums are divided by the matches.
    Cells near a thing are those of the code since 2022, 1.5 strides from its middle.

    Attributes:
        box_gain: what the loss of boxes counts.
        radius, most: of `assigning.match_by_cost`.
    """

    box_gain: float = 5.0
    radius: float = 1.5
    most: int = 10
    outputs = ("class_logits", "box_regression", "objectness")
    parts = ("class_loss", "box_loss", "object_loss")

    def losses(self, raw, truth):
        logits, objectness = raw["class_logits"], raw["objectness"]
        predicted = self.coder.decode(raw["box_regression"], self.anchors)
        # Codes count from the corners of the cells, but a truth is near or far from their middles.
        half = (self.anchors[:, 2:] - self.anchors[:, :2]) / 2
        cells = self.anchors + np.concatenate([half, half], axis=1)
        # The root of the product, where SimOTA weighs the classes.
        scores = ops.sqrt(ops.sigmoid(logits) * ops.sigmoid(objectness))
        found = assigning.match_by_cost(
            cells,
            truth["boxes"],
            truth["labels"],
            scores,
            predicted,
            self.radius,
            self.most,
        )
        positive = ops.cast(found.positive, "float32")
        total = ops.sum(positive)
        targets = matching.targets(truth["labels"], logits.shape[-1], found, soft=True)
        apart = 1 - ops.square(1 - losses.box_loss(predicted, self._boxes(truth, found), "iou"))
        wrong = ops.sum(losses.sigmoid_cross_entropy(logits, targets), axis=-1)
        missed = losses.sigmoid_cross_entropy(objectness[..., 0], positive)
        return {
            "class_loss": losses.total(wrong, positive, total),
            "box_loss": self.box_gain * losses.total(apart, positive, total),
            "object_loss": losses.total(missed, None, total),
        }
