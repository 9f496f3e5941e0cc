"""`load`: from an address of data to batches."""

import dataclasses
from typing import Any

import numpy as np

from kapps.data import annotations, mixing, names, splits
from kapps.data import augment as augmentation
from kapps.data.addresses import find
from kapps.data.dataset import Dataset
from kapps.data.reading import Reader
from kapps.data.sources import Collection, Source
from kapps.data.transforms import Transform
from kapps.errors import DataError


def load(
    uri: str,
    *,
    annotation: str = "class",
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    split: str = "train",
    validation: float = 0.2,
    batch_size: int = 32,
    training: bool = False,
    seed: int = 0,
    transform: Transform | None = None,
    augment: Any = None,
    mix: str | None = None,
    class_names: names.ClassNames | None = None,
    cache: str = "auto",
    one_hot: bool = False,
    drop_remainder: bool = False,
    limit: int | None = None,
    share: tuple[int, int] = (0, 1),
    progress: bool = True,
) -> Dataset:
    """Open a data set as batches for any backend.

    Args:
        uri: "digits", "folder:PATH", "tfds:NAME", "csv:PATH", "npz:PATH", "shards:FOLDER", or a
            bare path.
        annotation: what is known about each picture: "class", "labels" (several) or "values"
            (numbers); see `kapps.data.annotations` for its form in a batch.
        size: pixels of the network's input, a number or (height, width); may be left out if
            `transform` has it, and wins over it.
        channels: 3 (default) or 1; wins over `transform`.
        split: "train", "val", "test" or "all".
        validation: share set aside for "val" where the data has no such part; see
            `kapps.data.splits.select`.
        batch_size: pictures a batch; the last batch may be smaller.
        training: shuffle and augment. Otherwise the order is fixed and nothing is random.
        seed: of order, augmentation and mixing.
        transform: the preprocessing of the network; by default a bicubic resize and a centre crop
            of 0.875 (digits and npz: no crop).
        augment: a policy of `kapps.data.augment.policy`; "default" when training.
        mix: "mixup", "cutmix" or "mixup+cutmix", when training; labels become one-hot.
        class_names: the classes of a model, labels or (wnid, label) pairs: the data's classes are
            found among them by name, and labels are the model's indices. Of values, the names of
            the model's outputs.
        cache: "auto" keeps decoded pictures in memory where they fit, "memory" always, "none"
            never.
        one_hot: labels as float32 [B, classes].
        drop_remainder: leave out a last, smaller batch.
        limit: keep this many pictures, evenly spread over the list and so over the classes.
        share: (number, count) of this process among those that train together: of every batch it
            reads its `batch_size / count` pictures. Needs drop_remainder.
        progress: show a bar on stderr while many pictures are read.

    Raises:
        DataError: the data cannot be used; the sentence says why and what to do.
        MissingFileError: a path that does not exist.
        MissingPackageError: an optional package is missing.
        ValueError: an argument out of range.
    """
    collection = find(uri, annotation)
    source, labels = _choose(collection, split, validation, class_names)
    return _dataset(
        collection, source, labels,
        size=size, channels=channels, batch_size=batch_size, training=training, seed=seed,
        transform=transform, augment=augment, mix=mix, cache=cache, one_hot=one_hot,
        drop_remainder=drop_remainder, limit=limit, share=share, progress=progress,
    )  # fmt: skip


def load_splits(
    uri: str,
    *,
    annotation: str = "class",
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    validation: float = 0.2,
    batch_size: int = 32,
    seed: int = 0,
    transform: Transform | None = None,
    augment: Any = "default",
    mix: str | None = None,
    class_names: names.ClassNames | None = None,
    cache: str = "auto",
    one_hot: bool = False,
    drop_remainder: bool = False,
    progress: bool = True,
) -> tuple[Dataset, Dataset]:
    """Open the part to train on, shuffled and augmented, and the part to validate on, as it is.

    Arguments and errors are those of `load`; with `mix` the labels of both are one-hot.
    """
    collection = find(uri, annotation)
    one_hot = one_hot or (mix is not None and annotation == "class")
    datasets = []
    for split, training in (("train", True), ("val", False)):
        source, labels = _choose(collection, split, validation, class_names)
        datasets.append(
            _dataset(
                collection,
                source,
                labels,
                size=size,
                channels=channels,
                batch_size=batch_size,
                training=training,
                seed=seed,
                transform=transform,
                augment=augment if training else None,
                mix=mix if training else None,
                cache=cache,
                one_hot=one_hot,
                drop_remainder=drop_remainder and training,
                limit=None,
                progress=progress,
            )  # fmt: skip
        )
    return datasets[0], datasets[1]


def _choose(
    collection: Collection, split: str, validation: float, class_names: names.ClassNames | None
) -> tuple[Source, tuple[str, ...]]:
    """The pictures of a split and the names of the outputs that their labels count."""
    source = splits.select(collection, split, validation)
    found, annotation = collection.classes, collection.annotation
    if class_names is None:
        if len(found) < 2 and annotation == "class":
            raise DataError(
                f"{collection.uri} has one class, {found[0]!r}; a classifier needs two or more."
            )
        return source, found
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
    return dataclasses.replace(source, labels=_moved(source.labels, indices, len(outputs))), outputs


def _moved(labels: np.ndarray, indices: np.ndarray, outputs: int) -> np.ndarray:
    """Labels that count by `indices` among `outputs` instead of by 0, 1, 2, ..."""
    if labels.ndim == 1:
        return indices[labels]
    moved = np.zeros((len(labels), outputs), labels.dtype)
    for column, index in zip(labels.T, indices, strict=True):
        # Two folders may be one class of the model: it is there if it is in one of them.
        moved[:, index] = np.where(column != 0, column, moved[:, index])
    return moved


def _dataset(
    collection: Collection,
    source: Source,
    class_names: tuple[str, ...],
    *,
    size: int | tuple[int, int] | None,
    channels: int | None,
    batch_size: int,
    training: bool,
    seed: int,
    transform: Transform | None,
    augment: Any,
    mix: str | None,
    cache: str,
    one_hot: bool,
    drop_remainder: bool,
    limit: int | None,
    progress: bool,
    share: tuple[int, int] = (0, 1),
) -> Dataset:
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r} is not a whole number above 0.")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed={seed!r} is not a whole number from 0.")
    if mix is not None and mix not in mixing.MIXES:
        raise ValueError(f"mix={mix!r} is not one of {', '.join(mixing.MIXES)}.")
    if not training and (mix is not None or augment not in (None, "none")):
        raise ValueError(
            f"augment={augment!r}, mix={mix!r} have no effect with training=False; drop them."
        )
    if limit is not None:
        if limit < 1:
            raise ValueError(f"limit={limit!r} is not a whole number above 0.")
        count = min(limit, len(source))
        source = source.take(np.linspace(0, len(source) - 1, count).round().astype(int))
    if share != (0, 1) and (not drop_remainder or batch_size % share[1]):
        raise ValueError(
            f"share={share!r} needs drop_remainder=True and a batch_size that {share[1]} divides, "
            f"not {batch_size}."
        )
    kind = collection.annotation
    policy = augmentation.policy(augment or ("default" if training else "none"))
    rule = _transform(transform, size, channels, collection.crop_pct)
    if training:
        rule = rule.replace(training=policy.piece, **policy.cut)
    reader = Reader(source, rule, seed, cache, progress, policy.picture, fill=training)
    if training:
        _check_classes(collection, reader, class_names)
    if drop_remainder and len(reader.source) < batch_size:
        raise ValueError(
            f"drop_remainder=True with batch_size={batch_size} leaves nothing of "
            f"{len(reader.source)} pictures; use a smaller batch."
        )
    return Dataset(
        reader,
        class_names,
        batch_size,
        seed,
        policy,
        mix,
        annotations.form(kind, len(class_names), one_hot or (mix is not None and kind == "class")),
        drop_remainder,
        training,
        share,
    )


def _transform(
    transform: Transform | None,
    size: int | tuple[int, int] | None,
    channels: int | None,
    crop_pct: float,
) -> Transform:
    if transform is None:
        if size is None:
            raise ValueError("size=None without a transform; give size= or transform=.")
        return Transform(size=size, crop_pct=crop_pct, channels=channels or 3)
    changes: dict[str, Any] = {}
    if size is not None:
        changes["size"] = size
    if channels is not None:
        changes["channels"] = channels
    return transform.replace(**changes)


def _check_classes(collection: Collection, reader: Reader, class_names: tuple[str, ...]) -> None:
    if class_names != collection.classes or collection.annotation == "values":
        return  # a model may well have classes that this data lacks
    labels = reader.source.labels
    several = collection.annotation == "labels"
    counts = labels.sum(0) if several else np.bincount(labels, minlength=len(class_names))
    if empty := [name for name, count in zip(class_names, counts, strict=True) if not count]:
        raise DataError(
            f"{collection.uri}: no readable picture of class {empty[0]!r} to train on "
            f"({len(reader.skipped)} skipped); add some or remove the class."
        )
