"""Data sets of `kapps.data` in the form that `engine.fit` takes, in the model's data format."""

from collections.abc import Iterator

import numpy as np

from kapps import data
from kapps.data.transforms import Transform
from kapps.training.progress import say


def channels_first(model) -> bool:
    """Whether `model` takes images as (batch, channels, height, width)."""
    return any(getattr(layer, "data_format", None) == "channels_first" for layer in model.layers)


class Pictures:
    """A `kapps.data.Dataset` as training and judging data.

    Args:
        dataset: batches of (images, labels).
        first: whether the model takes channels first.
    """

    def __init__(self, dataset: data.Dataset, first: bool = False):
        self.dataset, self.first = dataset, first
        self.steps, self.batch_size = dataset.steps, dataset.batch_size
        self.images = dataset.images

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of an epoch, the same in every process."""
        self.dataset.set_epoch(number)
        return iter(self)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for images, labels in self.dataset:
            yield (np.moveaxis(images, -1, 1) if self.first else images), labels


def open_splits(
    options, transform: Transform | None, size: int, channels: int
) -> tuple[data.Dataset, data.Dataset | None]:
    """The images to train on, shuffled and augmented, and those to judge by.

    Args:
        options: `kapps.training.options.Options`, resolved.
        transform: how a picture becomes pixels; None lets the data decide.
        size: height and width in pixels.
        channels: 1 or 3.

    Raises:
        DataError, MissingFileError, ValueError: see `kapps.data.load`.
    """
    common = {
        "size": size,
        "channels": channels,
        "transform": transform,
        "validation": options.validation,
        "batch_size": options.batch_size,
        "seed": options.seed,
    }
    train = data.load(
        options.data,
        split="train",
        training=True,
        augment=options.augment,
        mix=options.mix,
        drop_remainder=True,
        **common,
    )
    for name, reason in train.skipped:
        say(f"left out {name}: {reason}")
    if not options.validation and "val" not in data.find(options.data).parts:
        return train, None
    return train, data.load(options.data, split="val", class_names=train.class_names, **common)
