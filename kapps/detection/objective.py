"""What every objective of a detector has: `kapps.detection.objectives` has those of the papers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from kapps.detection import matching


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """What all have.

    Attributes:
        anchors: float32 (A, 4), left, top, right, bottom in pixels of the input; points as boxes
            as wide as their stride.
        counts: how many anchors there are at each level.
        coder: what turns boxes into what the head says, see `kapps.detection.coders`.
        strides: float32 (A,), pixels from one anchor to the next of its form.
        image_size: (height, width) of the input in pixels.
        offset: the column of the logits that is class 0; before it is background, if anything.
        assignment: what brings costs to scipy within a compiled step, where `on_host`: the layer
            `kapps.layers.OptimalAssignment`.
    """

    anchors: np.ndarray
    counts: tuple[int, ...]
    coder: Any
    strides: np.ndarray
    image_size: tuple[int, int]
    offset: int
    assignment: Any = None
    on_host = False
    outputs = ("class_logits", "box_regression")
    parts = ("class_loss", "box_loss")
    learns = "boxes"  # what the data must have: also "masks" or "keypoints"
    denoising_queries = 0  # which training alone has, see `kapps.detection.denoising`

    def losses(self, raw: Mapping[str, Any], truth: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of the loss.

        Args:
            raw: the outputs of the layers `outputs` by their names, float32 (batch, A, ...).
            truth: "boxes" float32 (batch, n, 4) in pixels of the input and "labels" int32
                (batch, n); -1 in both where a picture has fewer.

        Returns:
            Scalars by the names `parts`.
        """
        raise NotImplementedError

    def _boxes(self, truth: Mapping[str, Any], found: matching.Matches) -> Any:
        """The true box of each anchor, (batch, A, 4); of one without a truth the anchor itself."""
        boxes = matching.gather(ops.cast(truth["boxes"], "float32"), found)
        return ops.where(found.positive[..., None], boxes, self.anchors)

    def _targets(self, truth: Mapping[str, Any], found: matching.Matches, columns: int) -> Any:
        """float32 (batch, A, columns): 1 for the class of each anchor that has a truth."""
        labels = ops.where(truth["labels"] < 0, -1, truth["labels"] + self.offset)
        return matching.targets(labels, columns, found)
