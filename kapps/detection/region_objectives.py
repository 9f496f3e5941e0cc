"""What detectors of two stages learn by: which anchors are regions, and what is in each region."""

import dataclasses
from typing import Any

from keras import ops

from kapps.detection import losses, matching, region_targets, sampling
from kapps.detection.boxes import area
from kapps.detection.coders import DeltaCoder
from kapps.detection.objective import Objective

BETA = 1 / 9  # of smooth L1: where its parabola ends, in the code that torchvision follows
POSITIVE = 0.25  # share of the sampled regions that have a truth, at most
SOMEWHERE = (0.0, 0.0, 1.0, 1.0)  # in place of a region that is missing


@dataclasses.dataclass(frozen=True, kw_only=True)
class FastRCNN(Objective):
    """Cross entropy and smooth L1 of regions that others found (Girshick, 2015, arXiv:1504.08083,
    section 2.3).

    Attributes:
        iou: least intersection over union of a region and its truth; others are background.
        lowest: and below this nothing: background should look a little like a thing.
        regions_sampled: how many of each image count, by chance; at most a quarter has a truth.
        beta: of smooth L1, where its parabola ends.
    """

    iou: float = 0.5
    lowest: float = 0.1
    regions_sampled: int = 64
    beta: float = 1.0
    outputs = ("regions", "class_logits", "box_regression")
    branch = None  # the layer that says more of a region than its class and its box

    def losses(self, raw, truth, seed=0):
        """The parts of the loss, as of `Objective`.

        Args:
            raw: "regions" (batch, R, 4), and of them "class_logits" (batch, R, columns) and
                "box_regression" (batch, R, columns, 4). A region without area does not count.
            truth: as of `Objective`.
            seed: of the samples, a `keras.random.SeedGenerator` or a whole number.
        """
        return self._second(raw, truth, seed)

    def sample(self, regions, truth, seed=0):
        """The regions to learn from: (batch, R, 4) -> (batch, regions_sampled or R, 4).

        In place of those that are missing there is 0.
        """
        chosen = ops.logical_or(*self._sampled(self.match(regions, truth), seed))
        return _chosen(regions, chosen, self.regions_sampled)

    def things(self, sample, truth):
        """The regions of a sample that have a truth: (batch, P, 4); 0 in place of the missing."""
        most = max(int(self.regions_sampled * POSITIVE), 1)
        return _chosen(sample, self.match(sample, truth).positive, most)

    def match(self, regions, truth) -> matching.Matches:
        """Which truth each region has; those without area, or too far from all, are ignored."""
        found = matching.match_by_iou(regions, truth["boxes"], truth["labels"], self.iou)
        ignored = ops.logical_or(found.ignored, area(regions) <= 0)
        if self.lowest:
            near = matching.match_by_iou(regions, truth["boxes"], truth["labels"], self.lowest)
            ignored = ops.logical_or(ignored, ops.logical_not(near.positive))
        return found._replace(ignored=ignored)

    def _sampled(self, found: matching.Matches, seed):
        return sampling.balanced(found, self.regions_sampled, POSITIVE, seed)

    def _second(self, raw, truth, seed) -> dict:
        regions = ops.stop_gradient(ops.cast(raw["regions"], "float32"))
        found = self.match(regions, truth)
        positive, negative = self._sampled(found, seed)
        counted = ops.logical_or(positive, negative)
        count = ops.sum(ops.cast(counted, "float32"))
        labels = matching.gather(truth["labels"], found) + self.offset
        columns = ops.cast(ops.where(found.positive, labels, 0), "int32")[..., None]
        said = ops.log_softmax(raw["class_logits"], axis=-1)
        wrong = -ops.take_along_axis(said, columns, axis=-1)[..., 0]
        regions = ops.where(area(regions)[..., None] > 0, regions, ops.array(SOMEWHERE))
        boxes = matching.gather(ops.cast(truth["boxes"], "float32"), found)
        boxes = ops.where(found.positive[..., None], boxes, regions)
        codes = ops.stop_gradient(self.coder.encode(boxes, regions))
        own = ops.take_along_axis(raw["box_regression"], columns[..., None], axis=2)[:, :, 0]
        far = losses.smooth_l1(own, codes, self.beta)
        return {
            "class_loss": losses.total(wrong, counted, count),
            "box_loss": losses.total(far, positive[..., None], count),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class FasterRCNN(FastRCNN):
    """Also the same for the stage that finds the regions (Ren et al., 2015, arXiv:1506.01497,
    section 3.1). Numbers are torchvision's.

    Attributes:
        region_high, region_low: intersection over union from which on an anchor is a region, and
            below which it is background; each truth also has the anchors that overlap it most.
        anchors_sampled: how many of each image count, by chance; at most half have a truth.
    """

    region_high: float = 0.7
    region_low: float = 0.3
    anchors_sampled: int = 256
    lowest: float = 0.0
    regions_sampled: int = 512
    beta: float = BETA
    region_coder: Any = DeltaCoder()
    outputs = ("objectness", "region_regression", *FastRCNN.outputs)
    parts = (*FastRCNN.parts, "objectness_loss", "region_loss")

    def losses(self, raw, truth, seed=0):
        """As of `FastRCNN`, of both stages.

        Args:
            raw: also "objectness" (batch, A, 1) and "region_regression" (batch, A, 4) of the
                anchors.
            truth, seed: as of `FastRCNN`.
        """
        return {**super().losses(raw, truth, seed), **self._first(raw, truth, seed)}

    def _first(self, raw, truth, seed) -> dict:
        found = matching.match_by_iou(
            self.anchors, truth["boxes"], truth["labels"], self.region_high, self.region_low, True
        )
        positive, negative = sampling.balanced(found, self.anchors_sampled, 0.5, seed)
        counted = ops.logical_or(positive, negative)
        count = ops.sum(ops.cast(counted, "float32"))
        logits = raw["objectness"][..., 0]
        wrong = losses.sigmoid_cross_entropy(logits, ops.cast(positive, "float32"))
        codes = self.region_coder.encode(self._boxes(truth, found), self.anchors)
        far = losses.smooth_l1(raw["region_regression"], ops.stop_gradient(codes), BETA)
        return {
            "objectness_loss": losses.total(wrong, counted, count),
            "region_loss": losses.total(far, positive[..., None], count),
        }


def _chosen(regions, chosen, most: int):
    """Some of the regions (batch, R, 4) -> (batch, `most` or R, 4), behind them 0."""
    there, index = ops.top_k(ops.cast(chosen, "float32"), min(most, regions.shape[1]))
    found = ops.take_along_axis(regions, ops.cast(index, "int32")[..., None], axis=1)
    return ops.stop_gradient(ops.where(there[..., None] > 0, found, 0.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskRCNN(FasterRCNN):
    """Also the masks of the regions whose truth has an outline (He et al., 2017, arXiv:1703.06870,
    section 3).
    """

    outputs = (*FasterRCNN.outputs, "boxes", "mask_logits")
    parts = (*FasterRCNN.parts, "mask_loss")
    branch = "mask_logits"
    learns = "masks"

    def losses(self, raw, truth, seed=0):
        """As of `FasterRCNN`.

        Args:
            raw: also "boxes" (batch, P, 4), regions, and of them "mask_logits" (batch, P, side,
                side, columns).
            truth: also "masks", see `kapps.data.objects`.
            seed: as of `FasterRCNN`.
        """
        boxes = ops.stop_gradient(raw["boxes"])
        found = self.match(boxes, truth)
        drawn = ops.any(ops.cast(truth["masks"], "bool"), axis=(-2, -1))
        known = ops.logical_and(found.positive, matching.gather(drawn, found, False))
        labels = ops.where(known, matching.gather(truth["labels"], found) + self.offset, 0)
        own = (matching.gather(truth[name], found) for name in ("masks", "boxes"))
        targets = region_targets.cut_masks(*own, boxes, raw["mask_logits"].shape[-2])
        part = region_targets.mask_loss(raw["mask_logits"], labels, targets)
        return {**super().losses(raw, truth, seed), "mask_loss": part}


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeypointRCNN(FasterRCNN):
    """Also the joints of the regions that have a truth (He et al., 2017, arXiv:1703.06870, section
    5).
    """

    outputs = (*FasterRCNN.outputs, "boxes", "heatmaps")
    parts = (*FasterRCNN.parts, "keypoint_loss")
    branch = "heatmaps"
    learns = "keypoints"

    def losses(self, raw, truth, seed=0):
        """As of `FasterRCNN`.

        Args:
            raw: also "boxes" (batch, P, 4), regions, and of them "heatmaps" (batch, P, side, side,
                joints).
            truth: also "keypoints", see `kapps.data.objects`.
            seed: as of `FasterRCNN`.
        """
        boxes = ops.stop_gradient(raw["boxes"])
        points = matching.gather(truth["keypoints"], self.match(boxes, truth))
        cells = region_targets.joint_cells(points, boxes, raw["heatmaps"].shape[-2])
        part = region_targets.joint_loss(raw["heatmaps"], cells)
        return {**super().losses(raw, truth, seed), "keypoint_loss": part}
