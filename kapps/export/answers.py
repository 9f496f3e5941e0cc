"""What export must know of a model's answers: one class for each kind, found by the annotation.

`of(spec)` gives the kind of a model; the others read as `Rows` does. Tasks know more, but they know
Keras and this package too: here is what a file for a phone needs.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from kapps.export.verify import Comparison, compare

if TYPE_CHECKING:
    from kapps.export.images import Images

Arrays = np.ndarray | dict[str, np.ndarray]


class Rows:
    """One row of numbers a picture: classes, several labels, or values."""

    described = "image classifier"

    def __init__(self, spec: dict):
        self.annotation = spec.get("annotation", "class")

    def count(self, model: Any) -> int:
        """How many labels belong to a Keras model."""
        return model.output_shape[-1]

    def to_convert(self, model: Any, mode: str) -> Any | None:  # noqa: ARG002
        """What is converted in place of the model for this quantisation; None for itself."""
        return None

    def truth(self, dataset: Any, labels: list) -> Any | None:
        """What answers are judged by, of a data set's batches; None where nothing is compared."""
        del dataset
        return np.concatenate(labels).astype("int64") if self.annotation == "class" else None

    def golden(self, folder: Any, image: np.ndarray, runner: Any, labels: list | None) -> Any:  # noqa: ARG002
        """golden.json, with its pictures written into the folder; None for all scores."""
        return None

    def write_beside(self, folder: Any, model: Any, spec: dict) -> None:
        """Write what a bundle needs beside the model's file; here nothing."""

    def reading(self, runner: Any, folder: Any, spec: dict) -> Any:  # noqa: ARG002
        """A runner of a bundle's file that gives what the model gives."""
        return runner

    def compare(self, expected: Arrays, found: Arrays, images: "Images") -> Comparison:
        """The exported model's answers against those of Keras."""
        return compare(expected, found, images, self.annotation)


def of(spec: dict, model: Any = None) -> Any:
    """The kind of a model's answers.

    Args:
        spec: its input contract, or a bundle's spec.json.
        model: the Keras model, where there is one: a spec.json says enough.
    """
    if spec.get("annotation") == "boxes" or spec.get("task") == "detection":
        from kapps.export.boxes import Boxes

        return Boxes(spec, model)
    if spec.get("annotation") == "mask" or spec.get("task") == "segmentation":
        from kapps.export.masks import Masks

        return Masks(spec)
    return Rows(spec)
