"""Suppression as a layer, for detectors that end in detections."""

import dataclasses

import keras

from kapps.detection.rules import Suppression
from kapps.detection.suppression import suppress


@keras.saving.register_keras_serializable(package="kapps")
class NonMaxSuppression(keras.layers.Layer):
    """Boxes and scores become a fixed number of detections; see `kapps.detection.suppression`.

    Args:
        threshold, iou, max_detections, candidates, candidates_of, best_class, agnostic, method,
            sigma: as of `Suppression`.
        levels: numbers of boxes of each level, for `candidates_of="level"`.

    Call arguments:
        inputs: {"boxes": (batch, A, 4) or (batch, A, classes, 4), "scores": (batch, A, classes)}.

    Returns:
        {"boxes": (batch, M, 4), "scores": (batch, M), "classes": (batch, M), "anchors": (batch, M),
        "count": (batch,)}, see `suppress`.
    """

    def __init__(
        self,
        threshold=0.05,
        iou=0.5,
        max_detections=100,
        candidates=1000,
        candidates_of="image",
        best_class=False,
        agnostic=False,
        method="hard",
        sigma=None,
        levels=None,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.rule = Suppression(
            threshold,
            iou,
            max_detections,
            candidates,
            candidates_of,
            best_class,
            agnostic,
            method,
            sigma,
        )
        self.levels = None if levels is None else tuple(levels)

    def call(self, inputs):
        return suppress(inputs["boxes"], inputs["scores"], self.rule, self.levels)

    def compute_output_spec(self, inputs):
        batch, most = inputs["scores"].shape[0], self.rule.max_detections
        return {
            "boxes": keras.KerasTensor((batch, most, 4), "float32"),
            "scores": keras.KerasTensor((batch, most), "float32"),
            "classes": keras.KerasTensor((batch, most), "int32"),
            "anchors": keras.KerasTensor((batch, most), "int32"),
            "count": keras.KerasTensor((batch,), "int32"),
        }

    def get_config(self):
        levels = self.levels and list(self.levels)
        return super().get_config() | dataclasses.asdict(self.rule) | {"levels": levels}
