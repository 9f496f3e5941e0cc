"""Which outputs of a network the labels of a data set count."""

import dataclasses

import numpy as np

from kapps.data import annotations, names, splits
from kapps.data.marks import UNKNOWN
from kapps.data.placement import IGNORE
from kapps.data.sources import Collection, Source
from kapps.errors import DataError


def choose(
    collection: Collection, split: str, validation: float, class_names: names.ClassNames | None
) -> tuple[Collection, Source, tuple[str, ...]]:
    """The pictures of a split, their labels counted by the outputs of a model.

    Args:
        collection: what was found.
        split, validation: as `splits.select` takes them.
        class_names: of the model; None for the data set's own.

    Returns:
        The collection, the pictures, and the names of the outputs.

    Raises:
        DataError: a class that the model does not have, or a number that only the model has.
        ValueError: see `splits.select`.
    """
    source = splits.select(collection, split, validation)
    found, annotation = collection.classes, collection.annotation
    if class_names is None:
        if len(found) < 2 and annotation == "class":
            raise DataError(
                f"{collection.uri} has one class, {found[0]!r}; a classifier needs two or more."
            )
        return collection, source, found
    outputs = names.labels_of(class_names)
    if collection.named:
        what = f"{collection.uri}: the {'column' if annotation == 'values' else 'class'}"
        indices = np.array(names.match(found, class_names, what))
    else:
        indices = np.array([int(name) for name in found])
        if (worst := int(indices.max())) >= len(outputs):
            raise DataError(
                f"{collection.uri} has label {worst}, but there are only {len(outputs)} classes, "
                f"0 to {len(outputs) - 1}."
            )
    if annotation == "values" and (missing := sorted({*range(len(outputs))} - {*indices})):
        raise DataError(
            f"{collection.uri} has no column {outputs[missing[0]]!r}, which the model answers; it "
            f"has {', '.join(found)}."
        )
    labels = annotations.renumbered(annotation, source.labels, indices, len(outputs))
    if annotation == "mask":
        collection = dataclasses.replace(collection, numbers=_moved(collection.numbers, indices))
    return collection, dataclasses.replace(source, labels=labels), outputs


def _moved(numbers: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """`Collection.numbers` with the classes `indices[class]`."""
    known = (numbers != IGNORE) & (numbers != UNKNOWN)
    moved = numbers.copy()
    moved[known] = indices[numbers[known]]
    return moved
