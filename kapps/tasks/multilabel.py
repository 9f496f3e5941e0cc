"""Any number of classes for each picture: a yes or no of its own for each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kapps.runs import Metric
from kapps.tasks import scoring
from kapps.tasks.findings import Table
from kapps.tasks.supervised import Supervised

if TYPE_CHECKING:
    import keras

LOSSES = ("bce", "focal")
YES = 0.5  # probability from which a class is there


class Multilabel(Supervised):
    """Binary cross-entropy of each class; mean average precision.

    Args:
        loss: "bce", "focal" (Lin et al., 2017, arXiv:1708.02002), or your own as "module:function"
            of (annotations, probabilities) that gives a loss for each picture.
        label_smoothing: share of each row that is spread over all classes, 0 up to below 1.
        focal_gamma: of "focal".
        class_weights: "balanced" lets a class count by how rare it is.
        metric: your own, see `kapps.tasks.classification.Classification`.

    Raises:
        SettingsError: a loss or function that does not exist.
    """

    annotation = "labels"
    activation = "sigmoid"
    counted = "labels"
    mixes = True
    metrics = (
        Metric("mean_average_precision", trained=False),
        Metric("f1", trained=False),
    )

    def __init__(
        self,
        *,
        loss: str = "bce",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        class_weights: str = "none",
        metric: Sequence[str] = (),
    ):
        self.choose(loss, LOSSES, metric)
        self.label_smoothing, self.gamma = label_smoothing, focal_gamma
        self.weighting, self.weights = class_weights, None

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:
        if self.weighting == "balanced":
            counts = np.maximum(annotations.sum(axis=0, dtype="float64"), 1)
            self.weights = (counts.sum() / (len(names) * counts)).tolist()

    def loss(self, network: "keras.Model"):
        from kapps.tasks.losses import BinaryCrossEntropy

        if self.own_loss:
            return self.own_loss
        return BinaryCrossEntropy(
            self.label_smoothing,
            from_logits=scoring.kind_of(network) == "logits",
            gamma=self.gamma if self.kind == "focal" else 0.0,
            class_weights=self.weights,
        )

    def answers(self, rows: np.ndarray, kind: str | None = None) -> np.ndarray:
        rows = np.asarray(rows, "float32")
        if kind is None:
            within = rows.min(initial=0) >= 0 and rows.max(initial=0) <= 1
            kind = "probabilities" if within else "logits"
        return scoring.sigmoid(rows) if kind == "logits" else rows

    def measure(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        return {
            "loss": scoring.binary_cross_entropy(answers, annotations),
            "mean_average_precision": scoring.mean_average_precision(answers, annotations),
            "f1": scoring.f1(answers >= YES, annotations),
            **self.own_numbers(answers, annotations),
        }

    def read(self, row: np.ndarray, top: int) -> list[int]:
        """The classes that are there, the most certain first."""
        return [int(i) for i in (-row).argsort(kind="stable")[:top] if row[i] >= YES]

    def evaluate(
        self, answers: np.ndarray, annotations: np.ndarray, labels: Sequence[str], ids: Sequence
    ) -> dict:
        found = super().evaluate(answers, annotations, labels, ids)
        per_class = []
        for i in np.flatnonzero(annotations.any(axis=0)):
            yes, true = answers[:, i] >= YES, annotations[:, i] > 0
            right = int((yes & true).sum())
            per_class.append(
                {
                    "index": int(i),
                    "label": labels[i],
                    "images": int(true.sum()),
                    "average_precision": scoring.average_precision(answers[:, i], true),
                    "precision": right / max(int(yes.sum()), 1),
                    "recall": right / int(true.sum()),
                }
            )
        return {**found, "per_class": per_class}

    def tables(self, result: dict) -> list[Table]:
        numbers = ("average_precision", "precision", "recall")
        rows = [
            (row["label"], row["images"], *(f"{row[name]:.1%}" for name in numbers))
            for row in sorted(result["per_class"], key=lambda row: row["average_precision"])
        ]
        columns = ("label", ">images", *(f">{name.replace('_', ' ')}" for name in numbers))
        return [*super().tables(result), Table("labels, the worst first", "", columns, rows)]
