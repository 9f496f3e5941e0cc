"""One class for each picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kapps.data import functions
from kapps.errors import SettingsError
from kapps.tasks import scoring
from kapps.tasks.task import Metric, Supervised

if TYPE_CHECKING:
    import keras

LOSSES = ("cross_entropy", "bce", "focal")
CLASS_WEIGHTS = ("none", "balanced")


class Classification(Supervised):
    """Cross-entropy, accuracy; also binary cross-entropy and focal loss, weights of classes.

    Args:
        loss: "cross_entropy"; "bce", a yes or no of its own for each class, as for mixup; "focal";
            or your own as "module:function" of (annotations, probabilities) that gives a loss for
            each picture.
        label_smoothing: share of the label given to all classes, 0 up to below 1.
        focal_gamma: of "focal".
        bce_threshold: of "bce": targets above it count as 1, others as 0; None leaves them.
        class_weights: "balanced" lets each class count the same, however many pictures it has.
        aux_weight: of the losses of a network's classifiers on the side, such as GoogLeNet's with
            aux=True (Szegedy et al., 2014, arXiv:1409.4842, section 5: 0.3).
        metric: your own, as "module:function" of (annotations, probabilities), both numpy arrays;
            each is a column of metrics.csv under the function's name.

    Raises:
        SettingsError: a loss or function that does not exist.
    """

    mixes = True
    metrics = (Metric("accuracy"),)

    def __init__(
        self,
        *,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        bce_threshold: float | None = None,
        class_weights: str = "none",
        aux_weight: float = 0.3,
        metric: Sequence[str] = (),
    ):
        if ":" in loss:
            self.own_loss = functions.load(loss, "loss")
        elif loss not in LOSSES:
            raise SettingsError(
                f"loss={loss!r} is not one of {', '.join(LOSSES)}, nor your own as module:function."
            )
        self.kind, self.label_smoothing, self.gamma = loss, label_smoothing, focal_gamma
        self.threshold, self.weighting, self.aux_weight = bce_threshold, class_weights, aux_weight
        self.weights: list[float] | None = None
        self.own_metrics = [functions.load(name, "metric") for name in metric]
        own = (Metric(f.__name__, share=False, trained=False) for f in self.own_metrics)
        self.metrics = (*type(self).metrics, *own)
        if loss == "bce":
            self.activation = "sigmoid"

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:
        if self.weighting == "balanced":
            counts = np.bincount(annotations, minlength=len(names))
            self.weights = (counts.sum() / (len(names) * np.maximum(counts, 1))).tolist()

    def loss(self, network: "keras.Model"):
        from kapps.tasks.losses import BinaryCrossEntropy, CrossEntropy

        if ":" in self.kind:
            return self.own_loss
        common = {
            "from_logits": not scoring.ends_in_probabilities(network),
            "class_weights": self.weights,
        }
        if self.kind == "bce":
            return BinaryCrossEntropy(self.label_smoothing, threshold=self.threshold, **common)
        gamma = self.gamma if self.kind == "focal" else 0.0
        return CrossEntropy(self.label_smoothing, gamma=gamma, **common)

    def keras_metrics(self) -> list:
        return ["accuracy"]

    def trainee(self, network: "keras.Model") -> "keras.Model":
        from kapps.tasks.trainee import Sided

        return Sided(network, self.aux_weight) if len(network.outputs) > 1 else network

    def answers(self, network: "keras.Model", rows: np.ndarray) -> np.ndarray:
        if scoring.ends_in_probabilities(network):
            return np.asarray(rows, "float32")
        return scoring.sigmoid(rows) if self.kind == "bce" else scoring.softmax(rows)

    def measure(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        if self.kind == "bce":
            loss = scoring.binary_cross_entropy(answers, np.eye(answers.shape[1])[annotations])
        else:
            loss = scoring.cross_entropy(answers, annotations)
        own = {f.__name__: float(f(annotations, answers)) for f in self.own_metrics}
        return {"loss": loss, "accuracy": scoring.accuracy(answers, annotations), **own}

    def read(self, row: np.ndarray, names: Sequence[str], top: int) -> list[tuple[int, float]]:  # noqa: ARG002
        return [(int(i), float(row[i])) for i in (-row).argsort(kind="stable")[:top]]
