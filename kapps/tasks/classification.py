"""One class for each picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kapps.errors import SettingsError
from kapps.runs import Metric
from kapps.tasks import scoring, showing
from kapps.tasks.findings import Finding, Table
from kapps.tasks.supervised import Supervised

if TYPE_CHECKING:
    import keras

LOSSES = ("cross_entropy", "bce", "focal")
SHOWN = 20  # classes and confusions in the tables; the JSON has all


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
        consistency: weight of AugMix's consistency, such as 12: of each picture the network also
            sees two views that `augment` has changed and the label is that of the unchanged one,
            see `kapps.tasks.augmix.Consistent`; 0 for none.
        metric: your own, as "module:function" of (annotations, probabilities), both numpy arrays;
            each is a column of metrics.csv under the function's name.

    Raises:
        SettingsError: a loss or function that does not exist, or consistency with a loss whose
            answers are no distribution.
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
        consistency: float = 0.0,
        metric: Sequence[str] = (),
    ):
        self.choose(loss, LOSSES, metric)
        self.label_smoothing, self.gamma = label_smoothing, focal_gamma
        self.threshold, self.weighting, self.aux_weight = bce_threshold, class_weights, aux_weight
        self.weights: list[float] | None = None
        self.consistency = consistency
        if loss == "bce":
            self.activation = "sigmoid"
        if not consistency >= 0:
            raise SettingsError(f"consistency={consistency} is out of range; use 0 or more.")
        if consistency:
            if loss == "bce":
                raise SettingsError(
                    f"consistency={consistency} compares probabilities of classes that exclude "
                    "each other, which loss=bce has not; drop one of them."
                )
            from kapps.tasks.augmix import VIEWS

            self.views = VIEWS

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:
        if self.weighting == "balanced":
            counts = np.bincount(annotations, minlength=len(names))
            self.weights = (counts.sum() / (len(names) * np.maximum(counts, 1))).tolist()

    def loss(self, network: "keras.Model"):
        from kapps.tasks.losses import BinaryCrossEntropy, CrossEntropy

        if self.own_loss:
            return self.own_loss
        common = {
            "from_logits": scoring.kind_of(network) == "logits",
            "class_weights": self.weights,
        }
        if self.kind == "bce":
            return BinaryCrossEntropy(self.label_smoothing, threshold=self.threshold, **common)
        gamma = self.gamma if self.kind == "focal" else 0.0
        return CrossEntropy(self.label_smoothing, gamma=gamma, **common)

    def keras_metrics(self) -> list:
        return ["accuracy"]

    def trainee(self, network: "keras.Model") -> "keras.Model":
        from kapps.tasks.augmix import Consistent
        from kapps.tasks.trainee import Sided

        sided = len(network.outputs) > 1
        if self.consistency and sided:
            raise SettingsError(
                f"consistency={self.consistency} does not go with classifiers on the side; drop it "
                "or aux=True."
            )
        if self.consistency:
            return Consistent(network, self.consistency)
        return Sided(network, self.aux_weight) if sided else network

    def answers(self, rows: np.ndarray, kind: str | None = None) -> np.ndarray:
        rows = np.asarray(rows, "float32")
        total = rows.sum(axis=1, keepdims=True)
        # Those of a quantised softmax sum to nearly 1.
        normal = rows.min(initial=0) >= 0 and np.abs(total - 1).max(initial=0) < 0.1
        if kind is None:
            kind = "probabilities" if normal else "logits"
        if kind != "probabilities":
            return scoring.sigmoid(rows) if self.kind == "bce" else scoring.softmax(rows)
        return rows / total if normal and self.kind != "bce" else rows

    def measure(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        if self.kind == "bce":
            loss = scoring.binary_cross_entropy(answers, np.eye(answers.shape[1])[annotations])
        else:
            loss = scoring.cross_entropy(answers, annotations)
        accuracy = scoring.accuracy(answers, annotations)
        own = self.own_numbers(answers, annotations)
        return {"loss": loss, "accuracy": accuracy, **own}

    def read(self, row: np.ndarray, top: int) -> list[int]:
        return [int(i) for i in (-row).argsort(kind="stable")[:top]]

    def evaluate(
        self, answers: np.ndarray, annotations: np.ndarray, labels: Sequence[str], ids: Sequence
    ) -> dict:
        found = self.measure(answers, annotations)
        counts = scoring.confusion(answers, annotations)
        occurs = [int(i) for i in counts.sum(axis=1).nonzero()[0]]
        seen = sorted({*occurs, *(int(i) for i in counts.sum(axis=0).nonzero()[0])})
        per_class = [
            {
                "index": i,
                "wnid": ids[i],
                "label": labels[i],
                "images": int(counts[i].sum()),
                "top1": float(counts[i, i] / counts[i].sum()),
            }
            for i in occurs
        ]
        matrix = counts[seen][:, seen].tolist()
        return {
            "top1": found.pop("accuracy"),
            "top5": scoring.accuracy(answers, annotations, top=5),
            **found,
            "images": len(answers),
            "per_class": per_class,
            "confusion": {"labels": [labels[i] for i in seen], "matrix": matrix},
        }

    def tables(self, result: dict) -> list[Table]:
        own = [f.__name__ for f in self.own_metrics]
        columns = (">images", ">top-1 %", ">top-5 %", ">loss", *(f">{name}" for name in own))
        shares = (f"{100 * result['top1']:.1f}", f"{100 * result['top5']:.1f}")
        more = (f"{result['loss']:.4f}", *(f"{result[name]:.4g}" for name in own))
        worst = sorted(result["per_class"], key=lambda row: row["top1"])[:SHOWN]
        title = f"{len(worst)} of {len(result['per_class'])} classes, the worst first"
        rows = [(row["label"], row["images"], f"{100 * row['top1']:.1f}") for row in worst]
        return [
            Table("", "", columns, [(result["images"], *shares, *more)]),
            Table(title, "", ("class", ">images", ">top-1 %"), rows),
            _confusion(**result["confusion"]),
        ]

    def findings(
        self, answers: np.ndarray, annotations: np.ndarray, names: Sequence[str]
    ) -> list[Finding]:
        return showing.of_classes(answers, annotations, names)


def _confusion(labels: list[str], matrix: list[list[int]]) -> Table:
    if len(labels) <= SHOWN:
        rows = [(label, *counts) for label, counts in zip(labels, matrix, strict=True)]
        title = "confusion: true class by row, predicted by column"
        return Table(title, "", ("class", *(f">{label}" for label in labels)), rows)
    pairs = [
        (count, labels[i], labels[j])
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    ]
    rows = [(true, guess, count) for count, true, guess in sorted(pairs, reverse=True)[:SHOWN]]
    return Table("most confused", "", ("true class", "taken for", ">images"), rows)
