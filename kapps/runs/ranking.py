"""What a model is judged by: the columns of metrics.csv, and which epoch is the best."""

import dataclasses
from collections.abc import Callable, Sequence

COLUMNS = ("stage", "epoch", "seconds", "learning_rate")  # and those of the task


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number that a model is judged by.

    Attributes:
        name: its column in metrics.csv for the training batches; `val_` and the name for the
            pictures to judge by.
        higher: whether more is better.
        share: whether it is a share in 0..1, printed as percent.
        trained: whether there is the column for the training batches.
    """

    name: str
    higher: bool = True
    share: bool = True
    trained: bool = True


def columns(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The columns of metrics.csv for a task: what is in a row of its history."""
    trained = [metric.name for metric in metrics if metric.trained]
    judged = [f"val_{metric.name}" for metric in metrics]
    names = (*COLUMNS, "loss", *trained, "val_loss", *judged)
    return tuple(dict.fromkeys(names))  # `loss` may itself be a metric


def best_row(history: list[dict], metric: Metric) -> dict | None:
    """The first row that is best by `metric` on what the run is judged by, equal ones by loss.

    Without pictures to judge by, the last row of all is the best guess.
    """
    if not history or f"val_{metric.name}" not in history[0]:
        return history[-1] if history else None
    return min(history, key=rank(metric))


def rank(metric: Metric) -> Callable[[dict], tuple[float, float]]:
    """A sort key of rows, the better first."""
    sign = -1 if metric.higher else 1
    return lambda row: (sign * row[f"val_{metric.name}"], row["val_loss"])
