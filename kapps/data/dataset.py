"""The data set that training, evaluation and export read: batches for every backend."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np

from kapps.data import (
    annotations,
    batch_functions,
    keras_layers,
    mixing,
    mixing_marks,
    orders,
    pipeline,
)
from kapps.data import augment as augmentation
from kapps.data.marks import Array
from kapps.data.packed import BUFFER
from kapps.data.pipeline import PARALLEL_BATCHES, PREFETCH
from kapps.data.reading import Reader
from kapps.data.sources import Source
from kapps.data.transforms import Transform
from kapps.errors import DataError


class Dataset:
    """Pictures and what is known about them in batches, the same on TensorFlow, JAX and torch.

    `dataset.batches` goes into `model.fit`, `evaluate` and `predict`. Each time that it is
    iterated it is the next epoch, in a new order and with new random pieces if it is for training;
    `set_epoch(n)` chooses the epoch that comes next. An epoch depends on the seed and its number
    alone.

    Attributes:
        batches: tf.data.Dataset of (images, annotations): uint8 [B, H, W, C] in 0..255, of several
            views a tuple of them; and see `kapps.data.annotations`. Of several views annotations
            that move are a tuple too. With annotation "none": of (images,).
        annotation: what is known: "class", "labels", "values", "boxes", "objects", "mask" or
            "none".
        class_names: in index order; the names of the numbers, where numbers are known.
        images: how many there are.
        steps: batches in an epoch.
        labels: what is known about each picture, in the order of `names`: int32 [images], float32
            [images, n], or of boxes and masks what `Source.labels` has. Classes, labels and numbers
            are those of `batches` unless training.
        names: what each picture is called: its path below the folder, or "digits[3]".
        sizes: (width, height) of each picture, int64 [images, 2], where boxes or masks are known.
        skipped: (name, reason) of pictures that were left out.
        transform: how a picture becomes pixels; of several views, in the first.
        training: whether the batches are shuffled and augmented.
        cached: whether the decoded pictures are kept in memory.
    """

    def __init__(
        self,
        reader: Reader,
        class_names: tuple[str, ...],
        batch_size: int,
        seed: int,
        policies: Sequence[augmentation.Policy],
        mix: str | None,
        drop_remainder: bool,
        training: bool,
        share: tuple[int, int],
        order: orders.Order = orders.EACH_ONCE,
    ):
        self._reader, self._seed, self.mix = reader, seed, mix
        self.class_names, self.batch_size, self.training = class_names, batch_size, training
        self.form, self.policies = reader.form, tuple(policies)
        self.annotation = reader.form.annotation
        self._rank, self._count = share
        self._rows = batch_size // self._count  # those of a batch that this process reads
        self.static_batch = self._rows if drop_remainder and training else None
        self.images = len(reader.source)
        whole, rest = divmod(self.images, batch_size)
        self.steps = whole if drop_remainder else whole + bool(rest)
        self._epoch, self._lock = 0, threading.Lock()
        self._drawn = order
        self._order = lru_cache(maxsize=2)(self._make_order)
        self._copies = lru_cache(maxsize=2)(lambda epoch: orders.occurrences(self._order(epoch)))
        for policy, look in zip(self.policies, reader.looks, strict=True):
            shape = (2, *look.transform.size, look.transform.channels)
            batch_functions.apply(policy.functions, np.zeros(shape, np.uint8), 0)
        if training:  # what does not fit shows before the first epoch, not in it
            self.batches  # noqa: B018

    @cached_property
    def batches(self) -> Any:
        """Built when it is first asked for: the numpy arrays of an evaluation need no tf.data."""
        return pipeline.build(self, None)

    def epochs(self, start: int, stop: int) -> Any:
        """The batches of the epochs `start` to `stop` - 1 as one tf.data.Dataset.

        Unlike `batches` it gives the same each time that it is iterated. The first batches of an
        epoch are made while the last of the one before are used.
        """
        return pipeline.build(self, (start, stop))

    @property
    def labels(self) -> np.ndarray:
        labels = self._reader.source.labels
        types = {"class": np.int32, "labels": np.float32, "values": np.float32}
        return labels.astype(types.get(self.annotation, labels.dtype))

    @property
    def names(self) -> list[str]:
        return list(self._reader.source.names)

    @property
    def source(self) -> Source:
        """The pictures as they are stored, those alone that can be read."""
        return self._reader.source

    @property
    def sizes(self) -> np.ndarray | None:
        return self._reader.sizes

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return self._reader.skipped

    @property
    def transform(self) -> Transform:
        return self._reader.transform

    @property
    def cached(self) -> bool:
        return self._reader.cached

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple]:
        """One epoch as numpy arrays."""
        return iter(self.batches.as_numpy_iterator()) if self.training else self._plain()

    def _plain(self) -> Iterator[tuple]:
        """The batches of an epoch in which nothing is random, read ahead as tf.data does it."""
        epoch, steps = self.next_epoch(), iter(range(self.steps))
        # Not the threads that decode: a batch waits for them.
        pool = ThreadPoolExecutor(PARALLEL_BATCHES, thread_name_prefix="kapps-batches")
        try:
            ahead = deque(pool.submit(self.read, epoch, step) for step in islice(steps, PREFETCH))
            while ahead:
                (images,), marks, _ = ahead.popleft().result()
                ahead.extend(pool.submit(self.read, epoch, step) for step in islice(steps, 1))
                yield (images,) if self.annotation == "none" else (images, marks)
        finally:
            pool.shutdown(cancel_futures=True)

    def pictures(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Some pictures by their places in `names`, uint8 [H, W, C]: what a report shows.

        Raises:
            DataError: one of them cannot be read any more.
        """
        chosen = np.asarray(indices, np.int64)
        (images, *_), _, found = self._reader.batch(chosen, 0)
        if not np.array_equal(found, chosen):
            raise DataError(f"{self.skipped[-1][0]} cannot be read: {self.skipped[-1][1]}")
        return list(images)

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` (from 0) the next one that `batches` gives; call it to resume a run."""
        with self._lock:
            self._epoch = int(epoch)

    def next_epoch(self) -> np.int64:
        """The number of the epoch that `batches` gives next; the one after it is then next."""
        with self._lock:
            epoch, self._epoch = self._epoch, self._epoch + 1
        return np.int64(epoch)

    def _make_order(self, epoch: int) -> np.ndarray:
        if not self.training:
            return np.arange(self.images)
        rng = np.random.default_rng([self._seed, epoch])
        stretches = getattr(self._reader.source.items, "stretches", None)
        return self._drawn.draw(self.images, rng, self._groups, stretches)

    @cached_property
    def _groups(self) -> np.ndarray | None:
        """The class of each picture, where that changes the order."""
        labels = self._reader.source.labels
        return annotations.strata(self.annotation, labels) if self._drawn.balance else None

    def signature(self) -> tuple[tuple[Array, ...], Any]:
        """What one picture has in a batch: in each view, and its annotations."""
        rules = [look.transform for look in self._reader.looks]
        views = tuple(Array((*rule.size, rule.channels), np.uint8) for rule in rules)
        marks = [self.form.signature(rule.size) for rule in rules]
        if self.annotation == "none":
            return views, ()
        return views, tuple(marks) if len(rules) > 1 and self.form.moves else marks[0]

    def read(self, epoch: int, step: int) -> tuple[tuple[np.ndarray, ...], Any, np.ndarray]:
        """A batch before its augmentation as a whole: views, annotations, a random key a view."""
        epoch, step = int(epoch), int(step)
        start = step * self.batch_size + self._rank * self._rows
        order = self._order(epoch)
        if self._count == 1:  # of several processes each would read all of it
            self._reader.ahead(order[start + BUFFER : start + BUFFER + self._rows])
        here = slice(start, start + self._rows)
        copies = self._copies(epoch)[here] if self.training and self._drawn.repeating else None
        views, marks, _ = self._reader.batch(order[here], epoch, copies)
        number = step * self._count + self._rank
        # The key of the first view is that of a picture with one view.
        keys = [
            keras_layers.batch_key(self._seed, epoch, number, *((view,) if view else ()))
            for view in range(len(views))
        ]
        return tuple(views), () if self.annotation == "none" else marks, np.array(keys, np.int64)

    def mixed(self, images: np.ndarray, *marks: np.ndarray) -> tuple[np.ndarray, ...]:
        """A batch with its pictures and annotations mixed.

        Args:
            images: uint8 [B, H, W, C].
            *marks: labels, masks, or boxes and their labels; then the keys.
        """
        *marks, keys = marks
        # The key alone would repeat the numbers that the layers drew from it.
        rng = np.random.default_rng([int(keys[0]), 1])
        ways = {"boxes": mixing_marks.mix_boxes, "mask": mixing_marks.mix_masks}
        mix = ways.get(self.annotation, mixing.mix)
        return *mix(self.mix, images, *marks, rng), keys
