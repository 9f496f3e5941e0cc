"""Objectives of detectors that find a set: each truth belongs to one query, which scipy chooses.

What every block of a decoder says is matched and counted as what the last one says.
"""

import dataclasses
from typing import Any

from keras import ops

from kapps.detection import boxes as forms
from kapps.detection import denoising, losses, matching, optimal
from kapps.detection.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetObjective(Objective):
    """Matching by costs of class, distance and overlap, and the losses of boxes.

    Attributes:
        cost, distance, overlap: weights of the class, the L1 distance of shares of the input and
            the generalised intersection over union in the matching; the latter two are also those
            of the losses of boxes.
    """

    cost: float = 1.0
    distance: float = 5.0
    overlap: float = 2.0
    on_host = True
    outputs = ("block_class_logits", "block_box_regression")
    parts = ("class_loss", "box_loss", "giou_loss")

    def losses(self, raw, truth):
        logits, shares = (self._by_block(raw[name]) for name in self.outputs)
        blocks = shares.shape[1]
        boxes, labels = (ops.repeat(truth[key], blocks, axis=0) for key in ("boxes", "labels"))
        size = (float(self.anchors[0, 3]), float(self.anchors[0, 2]))
        flat = [ops.reshape(x, (-1, *x.shape[2:])) for x in (logits, shares)]
        costs = optimal.matching_costs(
            self._class_costs(flat[0]),
            self.coder.decode(flat[1], self.anchors),
            boxes,
            labels,
            size,
            (self.cost, self.distance, self.overlap),
        )
        found = optimal.matches_of(self.assignment([costs, labels]), len(self.anchors))
        return self._losses(logits, shares, truth, found, self._count(truth))

    def _losses(self, logits, shares, truth, found, count) -> dict[str, Any]:
        """The parts of the loss of queries whose truths are known.

        Args:
            logits, shares: (batch, blocks, Q, n), what blocks say.
            found: `Matches` of the queries, (batch * blocks, Q). count: of truths in the batch.
        """
        blocks = shares.shape[1]
        logits, shares = (ops.reshape(x, (-1, *x.shape[2:])) for x in (logits, shares))
        boxes, labels = (ops.repeat(truth[key], blocks, axis=0) for key in ("boxes", "labels"))
        whole = self.anchors[:1]  # the anchor of every query is the input
        said = self.coder.decode(shares, whole)
        targets = matching.gather(ops.cast(boxes, "float32"), found)
        # A query without a truth has one that it fits, so that no gradient is lost in it.
        targets = ops.where(found.positive[..., None], targets, ops.stop_gradient(said))
        wanted = ops.stop_gradient(self.coder.encode(targets, whole))
        far = ops.sum(ops.abs(shares - wanted), axis=-1)
        apart = losses.box_loss(said, targets)
        fit = ops.where(found.positive, forms.aligned_iou(ops.stop_gradient(said), targets), 0.0)
        return {
            "class_loss": self._class_loss(logits, labels, found, fit, count, blocks),
            "box_loss": self.distance * losses.total(far, found.positive, count),
            "giou_loss": self.overlap * losses.total(apart, found.positive, count),
        }

    def _count(self, truth):
        """Of truths in the batch, at least one."""
        return ops.maximum(ops.sum(ops.cast(truth["labels"] >= 0, "float32")), 1.0)

    def _by_block(self, rows):
        """(batch, blocks * queries, n) -> (batch, blocks, queries, n)."""
        queries = len(self.anchors)
        return ops.reshape(rows, (-1, rows.shape[1] // queries, queries, rows.shape[-1]))

    def _class_costs(self, logits):
        """What each query costs for each class: (batch, queries, classes)."""
        raise NotImplementedError

    def _class_loss(self, logits, labels, found, fit, count, blocks):
        """A scalar: the sum over the blocks.

        Args:
            logits, labels: (batch * blocks, ...). found: `Matches` of the queries.
            fit: (batch * blocks, queries), intersection over union with the truth, 0 without one.
            count: of truths in the batch.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class DETR(SetObjective):
    """Cross entropy with a class for nothing, which is the last (Carion et al., 2020,
    arXiv:2005.12872, section 3.1 and appendix A.4).

    Attributes:
        nothing: weight of the queries that have found nothing.
    """

    nothing: float = 0.1

    def _class_costs(self, logits):
        return -ops.softmax(logits, axis=-1)[..., :-1]

    def _class_loss(self, logits, labels, found, fit, count, blocks):  # noqa: ARG002
        last = logits.shape[-1] - 1
        columns = ops.cast(matching.gather(labels, found, last), "int32")
        wrong = -ops.take_along_axis(ops.log_softmax(logits, axis=-1), columns[..., None], axis=-1)
        weights = ops.where(found.positive, 1.0, self.nothing)
        # As many queries have a truth in each block, so the weights have the same sum in each.
        return blocks * ops.sum(wrong[..., 0] * weights) / ops.sum(weights)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FocalSet(SetObjective):
    """Focal loss of each class on its own (Deformable DETR, Zhu et al., 2020, arXiv:2010.04159,
    section 4.2).

    Attributes:
        alpha, gamma: of the focal loss.
        cost_alpha, cost_gamma: of the one whose difference between yes and no is the cost of a
            class in the matching.
    """

    cost: float = 2.0
    alpha: float = 0.25
    gamma: float = 2.0
    cost_alpha: float = 0.25
    cost_gamma: float = 2.0

    def _class_costs(self, logits):
        p = ops.sigmoid(logits)
        yes = self.cost_alpha * (1 - p) ** self.cost_gamma * -ops.log(p + 1e-8)
        no = (1 - self.cost_alpha) * p**self.cost_gamma * -ops.log(1 - p + 1e-8)
        return yes - no

    def _class_loss(self, logits, labels, found, fit, count, blocks):  # noqa: ARG002
        hot = matching.targets(labels, logits.shape[-1], found)
        return ops.sum(losses.sigmoid_focal(logits, hot, self.alpha, self.gamma)) / count


@dataclasses.dataclass(frozen=True, kw_only=True)
class RTDETR(FocalSet):
    """Varifocal loss of classes, whose targets say how well the boxes fit (Zhao et al., 2023,
    arXiv:2304.08069, section 4.3), also of denoising queries, see `kapps.detection.denoising`.

    Attributes:
        alpha, gamma: of the varifocal loss.
        denoising_queries: with a truth that a training step adds; 0 for none.
        label_noise, box_noise: of these queries.
    """

    alpha: float = 0.75
    denoising_queries: int = 100
    label_noise: float = 0.5
    box_noise: float = 1.0

    def noised(self, truth, layout: denoising.Layout, classes: int, seed):
        """(labels (batch, D), boxes (batch, D, 4) as shares): see `kapps.detection.denoising`."""
        shares = self.coder.encode(ops.cast(truth["boxes"], "float32"), self.anchors[:1])
        chance = denoising.chances(truth["labels"], layout, seed)
        noise = (self.label_noise, self.box_noise)
        return denoising.noised(shares, truth["labels"], layout, chance, classes, *noise)

    def denoising_losses(self, raw, truth, layout: denoising.Layout) -> dict[str, Any]:
        """The parts of the loss of what each block says of denoising queries.

        Args:
            raw: the outputs by their names, (batch, blocks, D, n).
            truth: see `losses`.
        """
        logits, shares = (raw[name] for name in self.outputs)
        labels = ops.repeat(truth["labels"], shares.shape[1], axis=0)
        found = denoising.matches(labels, layout)
        count = self._count(truth) * ops.cast(layout.count, "float32")
        return self._losses(logits, shares, truth, found, count)

    def _class_loss(self, logits, labels, found, fit, count, blocks):  # noqa: ARG002
        hot = matching.targets(labels, logits.shape[-1], found)
        wanted = hot * fit[..., None]
        p = ops.stop_gradient(ops.sigmoid(logits))
        weights = self.alpha * p**self.gamma * (1 - hot) + wanted
        weights = ops.where(found.ignored[..., None], 0.0, weights)
        return ops.sum(weights * losses.sigmoid_cross_entropy(logits, wanted)) / count
