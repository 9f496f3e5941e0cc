"""Numbers for each picture: an age, a weight, the corners of a form."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kapps.errors import SettingsError
from kapps.runs import Metric
from kapps.tasks.findings import Table
from kapps.tasks.supervised import Supervised

if TYPE_CHECKING:
    import keras

LOSSES = ("mse", "mae", "huber")


class Regression(Supervised):
    """The error of each number, counted in its own deviation over the pictures to train on.

    So every number weighs the same, in whatever unit it is, and a network learns small numbers,
    which `kapps.layers.Units` at its end turns into those of the user.

    Args:
        loss: of the difference in deviations: "mse", its square; "mae", its size; "huber", its
            square up to 1 and its size beyond (Huber, 1964); or your own as "module:function" of
            (annotations, answers), both in the user's units, that gives a loss for each picture.
        metric: your own, as "module:function" of (annotations, answers), numpy arrays.

    Raises:
        SettingsError: a loss or function that does not exist.
    """

    annotation = "values"
    activation = None
    counted = "numbers"
    answer = "value"
    column = ("number", ">value")
    metrics = (
        Metric("mean_absolute_error", higher=False, share=False),
        Metric("r2", share=False, trained=False),
    )

    def __init__(self, *, loss: str = "mse", metric: Sequence[str] = ()):
        self.choose(loss, LOSSES, metric)
        self.scale = self.offset = None

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:
        std = annotations.std(axis=0, dtype="float64")
        if not std.all():
            name = names[int(np.argmin(std))]
            raise SettingsError(
                f"the number {name!r} is the same in all pictures to train on; leave it out."
            )
        self.scale, self.offset = std.tolist(), annotations.mean(axis=0, dtype="float64").tolist()

    def complete(self, network: "keras.Model") -> "keras.Model":
        from kapps.layers import Network, Units

        units = Units(self.scale, self.offset, name="units")
        return Network(network.inputs, units(network.outputs[0]), name=network.name)

    def loss(self, network: "keras.Model"):  # noqa: ARG002
        from kapps.tasks.losses import ScaledError

        return self.own_loss or ScaledError(self.kind, self.scale)

    def keras_metrics(self) -> list:
        return ["mean_absolute_error"]

    def measure(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        """The loss is the mean square in deviations, of the training or else of `annotations`."""
        error = (answers - annotations).astype("float64")
        spread = annotations.std(axis=0, dtype="float64")
        scale = np.array(self.scale) if self.scale else np.where(spread > 0, spread, 1.0)
        total = np.where(spread > 0, spread, np.nan) ** 2
        r2 = 1 - (error**2).mean(axis=0) / total
        return {
            "loss": float(((error / scale) ** 2).mean()),
            "mean_absolute_error": float(np.abs(error).mean()),
            "r2": float(np.nanmean(r2)) if not np.isnan(r2).all() else 0.0,
            **self.own_numbers(answers, annotations),
        }

    def text(self, value: float) -> str:
        return f"{value:.4g}"

    def read(self, row: np.ndarray, top: int) -> list[int]:  # noqa: ARG002
        return list(range(len(row)))

    def evaluate(
        self, answers: np.ndarray, annotations: np.ndarray, labels: Sequence[str], ids: Sequence
    ) -> dict:
        found = super().evaluate(answers, annotations, labels, ids)
        error = (answers - annotations).astype("float64")
        per_number = [
            {
                "label": label,
                "mean_absolute_error": float(np.abs(error[:, i]).mean()),
                "root_mean_square_error": float(np.sqrt((error[:, i] ** 2).mean())),
                "bias": float(error[:, i].mean()),
            }
            for i, label in enumerate(labels)
        ]
        return {**found, "per_number": per_number}

    def tables(self, result: dict) -> list[Table]:
        names = ("mean_absolute_error", "root_mean_square_error", "bias")
        rows = [
            (row["label"], *(f"{row[name]:.4g}" for name in names)) for row in result["per_number"]
        ]
        columns = ("number", *(f">{name.replace('_', ' ')}" for name in names))
        return [*super().tables(result), Table("numbers, in their own units", "", columns, rows)]
