"""Tasks with an answer for each picture, which is compared with what is known of it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kapps.data import functions
from kapps.errors import SettingsError
from kapps.runs import Metric
from kapps.tasks import scoring
from kapps.tasks.findings import Finding, Table
from kapps.tasks.task import Task

if TYPE_CHECKING:  # what a phone's file answers is judged without Keras
    from pathlib import Path

    import keras
    from PIL.Image import Image


class Supervised(Task):
    """A task with an annotation for each picture and an answer for each, such as a row of numbers.

    Its judgement is `measure` and what a report shows `findings`, both of the same answers; one
    that must judge in another way overrides `examine`, of which `judge` is the first part.

    Attributes:
        answer: what `predict` calls a number of an answer: "score", "value".
        column: the titles of the columns in which an answer is printed.
        averages: whether the answers for several views of a picture have a mean.
        draws: whether an answer can be drawn on its picture, see `draw`.
    """

    answer: str = "score"
    column: tuple[str, ...] = ("class", ">%")
    averages: bool = True
    draws: bool = False

    def choose(self, loss: str, losses: Sequence[str], metric: Sequence[str]) -> None:
        """Take the settings `loss` and `metric`, which may name the user's functions.

        Afterwards `kind` is the loss, `own_loss` the user's function or None; `own_metrics` are the
        user's, each with its column in `metrics`.

        Raises:
            SettingsError: a loss that is not one of `losses`, or a function that does not exist.
        """
        if ":" not in loss and loss not in losses:
            raise SettingsError(
                f"loss={loss!r} is not one of {', '.join(losses)}, nor your own as module:function."
            )
        self.kind = loss
        takes = "annotations", "answers"
        self.own_loss = functions.load(loss, "loss", takes) if ":" in loss else None
        self.own_metrics = [functions.load(name, "metric", takes) for name in metric]
        own = (Metric(f.__name__, share=False, trained=False) for f in self.own_metrics)
        self.metrics = (*type(self).metrics, *own)

    def own_numbers(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        """What the user's metrics say, by their names."""
        return {f.__name__: float(f(annotations, answers)) for f in self.own_metrics}

    def loss(self, network: "keras.Model") -> "keras.losses.Loss":
        """The loss of (annotations, outputs of `network`)."""
        raise NotImplementedError

    def keras_metrics(self) -> list:
        """For the training batches, by the names of `metrics` with `trained`."""
        return []

    def compiled(self, network: "keras.Model") -> dict:
        return {"loss": self.loss(network), "metrics": self.keras_metrics()}

    def outputs(self, shape: Any) -> int | None:
        """How many classes or numbers a network answers; None if it is none for the task.

        Args:
            shape: of its output: a tuple, or a dictionary of them, see `scoring.shape_of`.
        """
        return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None

    def count(self, model: "keras.Model") -> int | None:
        """How many classes or numbers a Keras model answers; None if it is none for the task."""
        return self.outputs(scoring.shape_of(model))

    def kind_of(self, model: "keras.Model") -> str:
        """What the outputs of a Keras model are, in a word for `answers`."""
        return scoring.kind_of(model)

    def answers(self, rows: Any, kind: str | None = None) -> Any:  # noqa: ARG002
        """Outputs (pictures, n) as what they mean, in float32.

        Args:
            rows: outputs of a network, or of a file that was exported from one: an array, or a
                dictionary of them.
            kind: "probabilities", "logits" or "values", or what `kind_of` says; None where a bare
                file does not tell.
        """
        return np.asarray(rows, "float32")

    def truth(self, data: Any, annotations: Any) -> Any:  # noqa: ARG002
        """What answers are judged by, as the methods below take it: by default the annotations.

        Args:
            data: the `kapps.data.Dataset` that was answered.
            annotations: of its batches, joined.
        """
        return annotations

    def measure(self, answers: np.ndarray, annotations: np.ndarray) -> dict[str, float]:
        """`loss` and each of `metrics` by its name.

        Args:
            answers: (pictures, n) as `answers` gives them.
            annotations: one for each picture, see `truth`.
        """
        raise NotImplementedError

    def say(
        self,
        answer: Any,
        labels: Sequence[str],
        ids: Sequence,
        top: int,
        place: Any = None,  # noqa: ARG002
    ) -> dict:
        """What `kapps predict` says of a picture; JSON-able.

        Args:
            answer: of the picture, as `answers` gives it.
            labels, ids: of the outputs, see `evaluate`.
            top: so many outputs at most, where an answer has all of them.
            place: (`kapps.data.placement.Placement`, (width, height)) of the photo.
        """
        rows = [
            {"index": i, "wnid": ids[i], "label": labels[i], self.answer: float(answer[i])}
            for i in self.read(answer, top)
        ]
        return {"predictions": rows}

    def lines(self, said: dict) -> list[tuple[str, ...]]:
        """The rows below the titles `column` for what `say` gave."""
        return [(row["label"], self.text(row[self.answer])) for row in said["predictions"]]

    def draw(self, picture: "Image", said: dict) -> "Image":
        """The photo with what `say` gave of it; of a task that `draws`."""
        raise NotImplementedError

    def keep(self, picture: "Image", said: dict, stem: "Path") -> None:
        """Write the photo with what `say` gave of it, and what else belongs to it, into files.

        Args:
            picture, said: see `draw`.
            stem: the path of the files without their ends.
        """
        from kapps.files import atomic_path

        with atomic_path(stem.with_name(f"{stem.name}.png")) as path:
            self.draw(picture, said).save(path, "PNG")

    def read(self, row: np.ndarray, top: int) -> list[int]:
        """The numbers of the outputs that an answer is about, the most important first."""
        raise NotImplementedError

    def text(self, value: float) -> str:
        """A number of an answer as it is printed."""
        return f"{100 * value:.2f}"

    def evaluate(
        self,
        answers: np.ndarray,
        annotations: np.ndarray,
        labels: Sequence[str],  # noqa: ARG002
        ids: Sequence,  # noqa: ARG002
    ) -> dict:
        """All that `kapps evaluate` says about answers; JSON-able. By default what `measure` says.

        Args:
            answers, annotations: see `measure`.
            labels: of the outputs.
            ids: WordNet ids of the outputs, or None each.
        """
        return {**self.measure(answers, annotations), "images": len(answers)}

    def tables(self, result: dict) -> list[Table]:
        """The same for people; the first has one row, to which the command adds the names."""
        names = [metric.name for metric in self.metrics if metric.name in result]
        shares = {metric.name for metric in self.metrics if metric.share}
        cells = [f"{result[n]:.2%}" if n in shares else f"{result[n]:.4g}" for n in names]
        columns = (">images", *(f">{name.replace('_', ' ')}" for name in names), ">loss")
        return [Table("", "", columns, [(result["images"], *cells, f"{result['loss']:.4f}")])]

    def findings(
        self, answers: np.ndarray, annotations: np.ndarray, names: Sequence[str]
    ) -> list[Finding]:
        """What a report shows of all answers; by default the tables of `evaluate`.

        Args:
            answers, annotations: see `measure`.
            names: of the outputs.
        """
        return self.tables(self.evaluate(answers, annotations, names, [None] * len(names)))[1:]

    def judge(self, network: "keras.Model", data, advance: Callable | None = None) -> dict:
        return self.examine(network, data, advance)[0]

    def examine(
        self, network: "keras.Model", data, advance: Callable | None = None
    ) -> tuple[dict, Callable[[Sequence[str]], list[Finding]]]:
        rows, annotations = scoring.predict_batches(
            network.predict_on_batch, data, data.batch_size, advance
        )
        answers = self.answers(rows, self.kind_of(network))
        annotations = self.truth(data, annotations)
        numbers = self.measure(answers, annotations)
        return numbers, lambda names: self.findings(answers, annotations, names)
