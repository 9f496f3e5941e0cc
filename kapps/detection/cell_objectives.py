"""What YOLO's detectors with cells learn by: v1 to v4, and v7; see `objectives`.

Those of v1 to v4 are sums over the anchors of a picture, and means over the pictures, as Darknet
divides its gradients by the batch.
"""

import dataclasses

from keras import ops

from kapps.detection import losses
from kapps.detection.boxes import aligned_iou, area
from kapps.detection.objective import Objective
from kapps.detection.priors import match_by_cell, match_by_prior, match_by_ratio_and_cost

# What the objectness of each level counts in YOLOv7, by how many levels there are.
LEVELS = {3: (4.0, 1.0, 0.4), 4: (4.0, 1.0, 0.25, 0.06)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cells(Objective):
    """What they have: codes, an objectness and classes of each anchor."""

    outputs = ("class_logits", "box_regression", "objectness")
    parts = ("class_loss", "box_loss", "object_loss")

    def _predicted(self, raw):
        return self.coder.decode(raw["box_regression"], self.anchors, self.strides)

    def _matched(self, raw, truth, match, *how):
        """What `match` of `kapps.detection.priors` finds.

        Returns:
            The boxes that are said, the matches, and of each anchor the true box and class.
        """
        predicted = self._predicted(raw)
        found = match(self.anchors, self.strides, truth["boxes"], truth["labels"], predicted, *how)
        targets = self._targets(truth, found, raw["class_logits"].shape[-1])
        return predicted, found, self._boxes(truth, found), targets

    def _goals(self, boxes):
        """The codes of true boxes."""
        return ops.stop_gradient(self.coder.encode(boxes, self.anchors, self.strides))

    def _small(self, boxes):
        """Up to 2 for small boxes, whose errors weigh more: 2 - the share of the input."""
        return 2 - area(boxes) / (self.image_size[0] * self.image_size[1])

    def _parts(self, found, wrong, apart, missed):
        """Of losses (batch, A): those of classes and boxes count where an anchor has a truth."""
        positive = ops.cast(found.positive, "float32")
        return {
            "class_loss": ops.mean(ops.sum(wrong * positive, axis=-1)),
            "box_loss": ops.mean(ops.sum(apart * positive, axis=-1)),
            "object_loss": ops.mean(ops.sum(missed, axis=-1)),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv3(Cells):
    """Logistic classes and objectness (Redmon and Farhadi, 2018, arXiv:1804.02767, section 2.1).

    Places and sizes have the gradients of Darknet, true code - code: the cross entropy of a place
    in its cell and half the square of a size.

    Attributes:
        ignore: overlap with a truth above which an anchor without one is no background.
    """

    ignore: float = 0.7
    also = None

    def losses(self, raw, truth):
        how = (match_by_prior, self.ignore, self.also)
        _, found, boxes, targets = self._matched(raw, truth, *how)
        wrong = ops.sum(losses.sigmoid_cross_entropy(raw["class_logits"], targets), axis=-1)
        positive = ops.cast(found.positive, "float32")
        missed = losses.sigmoid_cross_entropy(raw["objectness"][..., 0], positive)
        missed = ops.where(found.ignored, 0.0, missed)
        return self._parts(found, wrong, self._apart(raw["box_regression"], boxes), missed)

    def _apart(self, codes, boxes):
        """The loss of each box."""
        goals = self._goals(boxes)
        place = losses.sigmoid_cross_entropy(codes[..., :2], ops.sigmoid(goals[..., :2]))
        size = 0.5 * ops.square(codes[..., 2:] - goals[..., 2:])
        return ops.sum(place + size, axis=-1) * self._small(boxes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv4(YOLOv3):
    """YOLOv3's classes and objectness, and complete IoU (Bochkovskiy et al., 2020,
    arXiv:2004.10934, section 3.4; the gains are Darknet's).

    Attributes:
        also: of `match_by_prior`: more than one anchor learns a truth.
        box_gain: of the loss of boxes.
    """

    also: float = 0.213
    box_gain: float = 0.07

    def _apart(self, codes, boxes):
        predicted = self.coder.decode(codes, self.anchors, self.strides)
        return self.box_gain * losses.box_loss(predicted, boxes, "ciou")


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv7(Cells):
    """Cheapest matches, complete IoU, and an objectness that is to be that overlap, by levels.

    Source: YOLOv7 (Wang et al., 2022, arXiv:2207.02696), section 4.2, and its code: means over the
    matches of each level, added up. The gains are those of 80 classes, three levels and an input of
    640 pixels, and are scaled as the code scales them.

    Attributes:
        class_gain, box_gain, object_gain: what the three parts count.
        ratio, most: of `match_by_ratio_and_cost`.
    """

    class_gain: float = 0.3
    box_gain: float = 0.05
    object_gain: float = 0.7
    ratio: float = 4.0
    most: int = 10

    def losses(self, raw, truth):
        logits, objectness = raw["class_logits"], raw["objectness"]
        predicted = self._predicted(raw)
        found = match_by_ratio_and_cost(
            *(self.anchors, self.strides, truth["boxes"], truth["labels"]),
            ops.sqrt(ops.sigmoid(logits) * ops.sigmoid(objectness)),
            *(predicted, self.ratio, self.most),
        )
        positive, classes = ops.cast(found.positive, "float32"), logits.shape[-1]
        apart = losses.box_loss(predicted, self._boxes(truth, found), "ciou")
        targets = self._targets(truth, found, classes)
        wrong = ops.mean(losses.sigmoid_cross_entropy(logits, targets), axis=-1)
        overlap = positive * ops.relu(ops.stop_gradient(1 - apart))
        missed = losses.sigmoid_cross_entropy(objectness[..., 0], overlap)
        sums, start = [0.0, 0.0, 0.0], 0
        for count, weight in zip(self.counts, LEVELS[len(self.counts)], strict=True):
            level = (slice(None), slice(start, start + count))
            mine, start = positive[level], start + count
            parts = (
                *(losses.total(each[level], mine, ops.sum(mine)) for each in (wrong, apart)),
                weight * ops.mean(missed[level]),
            )
            sums = [sum_ + part for sum_, part in zip(sums, parts, strict=True)]
        height, width = self.image_size
        gains = (
            self.class_gain * classes / 80,
            self.box_gain,
            self.object_gain * height * width / 640**2,
        )
        scale = 3 / len(self.counts)
        return {
            name: scale * gain * sum_
            for name, gain, sum_ in zip(self.parts, gains, sums, strict=True)
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv2(Cells):
    """Squared errors, but for classes (Redmon and Farhadi, 2016, arXiv:1612.08242, section 2).

    The gains and the weight of small boxes are Darknet's. The objectness of a truth's anchor is to
    be its overlap. What Darknet does in its first 12,800 pictures, pulling all boxes to their
    priors, is left out.

    Attributes:
        ignore: overlap with a truth above which an anchor without one is no background.
        object_gain, nothing_gain: of the objectness of anchors with and without a truth.
    """

    ignore: float = 0.6
    object_gain: float = 5.0
    nothing_gain: float = 1.0

    def losses(self, raw, truth):
        how = (match_by_prior, self.ignore)
        predicted, found, boxes, targets = self._matched(raw, truth, *how)
        codes, goals = raw["box_regression"], self._goals(boxes)
        place = ops.sigmoid(codes[..., :2]) - ops.sigmoid(goals[..., :2])
        away = ops.sum(ops.square(place) + ops.square(codes[..., 2:] - goals[..., 2:]), axis=-1)
        wrong = -ops.sum(targets * ops.log_softmax(raw["class_logits"], axis=-1), axis=-1)
        share = ops.sigmoid(raw["objectness"][..., 0])
        overlap = ops.stop_gradient(aligned_iou(predicted, boxes))
        nothing = ops.where(found.ignored, 0.0, self.nothing_gain * ops.square(share))
        something = self.object_gain * ops.square(share - overlap)
        missed = 0.5 * ops.where(found.positive, something, nothing)
        return self._parts(found, wrong, 0.5 * away * self._small(boxes), missed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class YOLOv1(Cells):
    """Squared errors of all (Redmon et al., 2015, arXiv:1506.02640, equation 3).

    In the cell of a truth's middle that box learns it which overlaps it most, and its confidence is
    to be that overlap.

    Attributes:
        box_gain, nothing_gain: of places and sizes, and of confidences where there is nothing.
    """

    box_gain: float = 5.0
    nothing_gain: float = 0.5

    def losses(self, raw, truth):
        predicted, found, boxes, targets = self._matched(raw, truth, match_by_cell)
        away = ops.sum(ops.square(raw["box_regression"] - self._goals(boxes)), axis=-1)
        wrong = ops.sum(ops.square(raw["class_logits"] - targets), axis=-1)
        confidence = raw["objectness"][..., 0]
        overlap = ops.stop_gradient(aligned_iou(predicted, boxes))
        missed = ops.where(
            found.positive,
            ops.square(confidence - overlap),
            self.nothing_gain * ops.square(confidence),
        )
        return self._parts(found, wrong, self.box_gain * away, missed)
