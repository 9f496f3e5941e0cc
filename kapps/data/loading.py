"""`load`: from an address of data to batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kapps.data import annotations, mixing, moving, names
from kapps.data.addresses import find
from kapps.data.dataset import Dataset
from kapps.data.mosaic import PHOTOS
from kapps.data.orders import EACH_ONCE, Order
from kapps.data.outputs import choose
from kapps.data.reading import Reader
from kapps.data.sources import Collection, Source
from kapps.data.transforms import Transform
from kapps.data.views import View, looks
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
    views: int | Sequence[View] = 1,
    mix: str | None = None,
    class_names: names.ClassNames | None = None,
    cache: str = "auto",
    one_hot: bool = False,
    max_boxes: int | None = None,
    drop_remainder: bool = False,
    limit: int | None = None,
    share: tuple[int, int] = (0, 1),
    order: Order = EACH_ONCE,
    progress: bool = True,
) -> Dataset:
    """Open a data set as batches for any backend.

    Args:
        uri: what `find` takes, such as "digits", "folder:PATH", "csv:PATH", or a bare path.
        annotation: what is known about each picture: "class", "labels" (several), "values"
            (numbers), "boxes", "objects" (boxes with masks and points), "mask" or "none"; see
            `kapps.data.annotations` for its form in a batch.
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
        views: how many times a picture is cut and augmented anew, when training; with more than
            one, a batch has a tuple of pictures. Or what differs between them, see `View`.
        mix: "mixup", "cutmix" or both, when training, see `kapps.data.mixing.parse`; labels become
            one-hot. Of boxes and masks also "copy-paste", see `kapps.data.mixing_marks`.
        class_names: the classes of a model, labels or (wnid, label) pairs: the data's classes are
            found among them by name, and labels are the model's indices. Of values, the names of
            the model's outputs.
        cache: "auto" keeps decoded pictures in memory where they fit, "memory" always, "none"
            never.
        one_hot: labels as float32 [B, classes].
        max_boxes: how many boxes a picture has room for; by default as many as a photo has at
            most, or the four photos of a mosaic, or the two that are mixed. What does not fit
            is not joined.
        drop_remainder: leave out a last, smaller batch.
        limit: keep this many pictures, evenly spread over the list and so over the classes.
        share: (number, count) of this process among those that train together: of every batch it
            reads its `batch_size / count` pictures. Needs drop_remainder.
        order: how often a picture comes in an epoch to train on; by default each once, at random.
        progress: show a bar on stderr while many pictures are read.

    Raises:
        DataError: the data cannot be used; the sentence says why and what to do.
        MissingFileError: a path that does not exist.
        MissingPackageError: an optional package is missing.
        ValueError: an argument out of range.
    """
    collection = find(uri, annotation)
    collection, source, labels = choose(collection, split, validation, class_names)
    return _dataset(
        collection, source, labels,
        size=size, channels=channels, batch_size=batch_size, training=training, seed=seed,
        transform=transform, augment=augment, views=views, mix=mix, cache=cache, one_hot=one_hot,
        max_boxes=max_boxes, drop_remainder=drop_remainder, limit=limit, share=share,
        order=order, progress=progress,
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
    views: int | Sequence[View] = 1,
    mix: str | None = None,
    class_names: names.ClassNames | None = None,
    cache: str = "auto",
    one_hot: bool = False,
    max_boxes: int | None = None,
    drop_remainder: bool = False,
    order: Order = EACH_ONCE,
    progress: bool = True,
) -> tuple[Dataset, Dataset]:
    """Open the part to train on, shuffled and augmented, and the part to validate on, as it is.

    Arguments and errors are those of `load`; with `mix` the labels of both are one-hot.
    """
    collection = find(uri, annotation)
    one_hot = one_hot or (mix is not None and annotation == "class")
    datasets = []
    for split, training in (("train", True), ("val", False)):
        chosen, source, labels = choose(collection, split, validation, class_names)
        datasets.append(
            _dataset(
                chosen,
                source,
                labels,
                size=size,
                channels=channels,
                batch_size=batch_size,
                training=training,
                seed=seed,
                transform=transform,
                augment=augment if training else None,
                views=views if training else 1,
                mix=mix if training else None,
                cache=cache,
                one_hot=one_hot,
                max_boxes=max_boxes,
                drop_remainder=drop_remainder and training,
                limit=None,
                order=order if training else EACH_ONCE,
                progress=progress,
            )  # fmt: skip
        )
    return datasets[0], datasets[1]


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
    views: int | Sequence[View],
    mix: str | None,
    cache: str,
    one_hot: bool,
    max_boxes: int | None,
    drop_remainder: bool,
    limit: int | None,
    order: Order,
    progress: bool,
    share: tuple[int, int] = (0, 1),
) -> Dataset:
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size={batch_size!r} is not a whole number above 0.")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed={seed!r} is not a whole number from 0.")
    kind = collection.annotation
    if mix is not None:
        mixing.parse(mix, kind)  # what it is not shows here
    if not training and (mix is not None or augment not in (None, "none")):
        raise ValueError(
            f"augment={augment!r}, mix={mix!r} have no effect with training=False; drop them."
        )
    if not training and order != EACH_ONCE:
        raise ValueError(f"{order} has no effect with training=False; drop it.")
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
    rule = _transform(transform, size, channels, collection)
    looked = looks(rule, augment or ("default" if training else "none"), views, training)
    policies, seen = zip(*looked, strict=True)
    if order.balance and kind not in annotations.CLASSES:
        raise ValueError(
            f"balance={order.balance} needs classes and {collection.uri} knows {kind}; drop it."
        )
    if mix is not None and len(seen) > 1:
        raise ValueError(
            f"mix={mix!r} blends one picture and what is known of it, not several views; drop it."
        )
    for policy in policies:
        moving.check(policy, kind)
    one_hot = one_hot or (mix is not None and kind == "class")
    joined = PHOTOS if any(look.mosaic for look in seen) else 1
    joined *= 2 if mix is not None else 1
    form = annotations.form(collection, source, len(class_names), one_hot, max_boxes, joined)
    reader = Reader(source, seen, form, seed, cache, progress, fill=training)
    if training:
        _check_classes(collection, reader, class_names)
    if drop_remainder and len(reader.source) < batch_size:
        raise ValueError(
            f"drop_remainder=True with batch_size={batch_size} leaves nothing of "
            f"{len(reader.source)} pictures; use a smaller batch."
        )
    return Dataset(
        reader, class_names, batch_size, seed, policies, mix, drop_remainder, training, share, order
    )


def _transform(
    transform: Transform | None,
    size: int | tuple[int, int] | None,
    channels: int | None,
    collection: Collection,
) -> Transform:
    if transform is None:
        if size is None:
            raise ValueError("size=None without a transform; give size= or transform=.")
        crop = {"crop_pct": collection.crop_pct, "crop_mode": collection.crop_mode}
        return Transform(size=size, channels=channels or 3, **crop)
    changes: dict[str, Any] = {}
    if size is not None:
        changes["size"] = size
    if channels is not None:
        changes["channels"] = channels
    return transform.replace(**changes)


def _check_classes(collection: Collection, reader: Reader, class_names: tuple[str, ...]) -> None:
    if class_names != collection.classes:
        return  # a model may well have classes that this data lacks
    counts = annotations.counts(collection.annotation, reader.source.labels, len(class_names))
    if counts is None:
        return
    if empty := [name for name, count in zip(class_names, counts, strict=True) if not count]:
        raise DataError(
            f"{collection.uri}: no readable picture of class {empty[0]!r} to train on "
            f"({len(reader.skipped)} skipped); add some or remove the class."
        )
