"""What detectors learn by: a paper's matching and losses, from raw outputs and true boxes.

An objective is made from what a detector's `boxes` layer carries (`of`). Its `losses` are scalars
by name, of static shapes; their sum is what training makes smaller.
"""

import dataclasses
from typing import Any

import numpy as np
from keras import ops

from kapps.detection import assigning, losses, matching, sampling
from kapps.detection.cell_objectives import YOLOv1, YOLOv2, YOLOv3, YOLOv4, YOLOv7
from kapps.detection.objective import Objective
from kapps.detection.region_objectives import FasterRCNN, FastRCNN, KeypointRCNN, MaskRCNN
from kapps.detection.set_objectives import DETR, RTDETR, FocalSet
from kapps.detection.yolo_objectives import YOLOX, YOLOv6, YOLOv8
from kapps.errors import did_you_mean


@dataclasses.dataclass(frozen=True, kw_only=True)
class SSD(Objective):
    """Softmax with hard negatives, and smooth L1 (Liu et al., 2016, arXiv:1512.02325, section 2.2).

    Attributes:
        iou: least intersection over union of an anchor and its truth; each truth also has the
            anchor that it overlaps most.
        negatives: of a picture's anchors without a truth the most wrong count, so many for each
            with one.
    """

    iou: float = 0.5
    negatives: float = 3.0

    def losses(self, raw, truth):
        found = matching.match_for_ssd(self.anchors, truth["boxes"], truth["labels"], self.iou)
        count = ops.maximum(ops.sum(ops.cast(found.positive, "float32")), 1.0)
        labels = matching.gather(truth["labels"], found) + self.offset
        columns = ops.where(found.positive, labels, 0)  # 0 is background
        said = ops.log_softmax(raw["class_logits"], axis=-1)
        wrong = -ops.take_along_axis(said, ops.cast(columns, "int32")[..., None], axis=-1)[..., 0]
        hard = sampling.hard_negatives(ops.stop_gradient(wrong), found, self.negatives)
        counted = ops.logical_or(found.positive, hard)
        codes = ops.stop_gradient(self.coder.encode(self._boxes(truth, found), self.anchors))
        far = losses.smooth_l1(raw["box_regression"], codes)
        return {
            "class_loss": losses.total(wrong, counted, count),
            "box_loss": losses.total(far, found.positive[..., None], count),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetinaNet(Objective):
    """Focal loss and L1 (Lin et al., 2017, arXiv:1708.02002, section 3.2 and equation 5).

    Attributes:
        high, low: intersection over union from which on an anchor has a truth, and below which it
            is background; between them it does not count.
        alpha, gamma: of the focal loss.
    """

    high: float = 0.5
    low: float = 0.4
    alpha: float = 0.25
    gamma: float = 2.0

    def losses(self, raw, truth):
        found = matching.match_by_iou(
            self.anchors, truth["boxes"], truth["labels"], self.high, self.low, True
        )
        positive = ops.cast(found.positive, "float32")
        count = ops.maximum(ops.sum(positive, axis=-1), 1.0)  # of each picture, as torchvision
        logits = raw["class_logits"]
        targets = self._targets(truth, found, logits.shape[-1])
        each = ops.sum(losses.sigmoid_focal(logits, targets, self.alpha, self.gamma), axis=-1)
        counted = ops.where(found.ignored, 0.0, each)
        codes = ops.stop_gradient(self.coder.encode(self._boxes(truth, found), self.anchors))
        far = ops.sum(ops.abs(raw["box_regression"] - codes), axis=-1) * positive
        return {
            "class_loss": ops.mean(ops.sum(counted, axis=-1) / count),
            "box_loss": ops.mean(ops.sum(far, axis=-1) / count),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class FCOS(Objective):
    """Focal loss, generalised intersection over union, and how central a point is (Tian et al.,
    2019, arXiv:1904.01355, section 3; its later version has the middles and GIoU).

    Attributes:
        radius: how far from the middle of a truth a point may be, in strides.
        alpha, gamma: of the focal loss.
    """

    radius: float = 1.5
    alpha: float = 0.25
    gamma: float = 2.0
    outputs = ("class_logits", "box_regression", "centerness")
    parts = ("class_loss", "box_loss", "center_loss")

    def losses(self, raw, truth):
        found = assigning.match_by_range(
            self.anchors, self.counts, truth["boxes"], truth["labels"], self.radius
        )
        count = ops.maximum(ops.sum(ops.cast(found.positive, "float32")), 1.0)
        logits = raw["class_logits"]
        targets = self._targets(truth, found, logits.shape[-1])
        boxes = self._boxes(truth, found)
        apart = losses.box_loss(self.coder.decode(raw["box_regression"], self.anchors), boxes)
        central = losses.centreness(self.coder.encode(boxes, self.anchors))
        error = losses.sigmoid_cross_entropy(raw["centerness"][..., 0], central)
        focal = losses.sigmoid_focal(logits, targets, self.alpha, self.gamma)
        return {
            "class_loss": losses.total(focal, None, count),
            "box_loss": losses.total(apart, found.positive, count),
            "center_loss": losses.total(error, found.positive, count),
        }


OBJECTIVES: dict[str, type[Objective]] = {
    "ssd": SSD,
    "retinanet": RetinaNet,
    "fcos": FCOS,
    "fast_rcnn": FastRCNN,
    "faster_rcnn": FasterRCNN,
    "mask_rcnn": MaskRCNN,
    "keypoint_rcnn": KeypointRCNN,
    "detr": DETR,
    "rt_detr": RTDETR,
    "focal_set": FocalSet,
    "yolov1": YOLOv1,
    "yolov2": YOLOv2,
    "yolov3": YOLOv3,
    "yolov4": YOLOv4,
    "yolov6": YOLOv6,
    "yolov7": YOLOv7,
    "yolov8": YOLOv8,
    "yolox": YOLOX,
}


def of(layer: Any) -> Objective:
    """The objective that a `boxes` layer carries.

    Args:
        layer: `kapps.layers.DecodeBoxes`.

    Raises:
        ValueError: it names none that there is.
    """
    numbers = dict(layer.objective)
    name = numbers.pop("name")
    if name not in OBJECTIVES:
        names = f"; there are {', '.join(OBJECTIVES)}."
        raise ValueError(f"objective={name!r} is not one{did_you_mean(name, OBJECTIVES, names)}")
    return OBJECTIVES[name](
        anchors=np.asarray(layer.anchors.boxes, "float32"),
        counts=tuple(layer.anchors.counts),
        coder=layer.coder,
        strides=np.asarray(layer.anchors.strides, "float32"),
        image_size=tuple(layer.image_size),
        offset=layer.class_offset,
        **numbers,
    )
