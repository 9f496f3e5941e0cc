"""Data sets read side by side, as semi-supervised training reads labelled and unlabelled ones."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from kapps.data import pipeline
from kapps.data.dataset import Dataset


class Beside:
    """A batch of each of several data sets in every step; used as `Dataset` is.

    An epoch is one of the first data set. The others go on from epoch to epoch where they were: one
    that comes to its end begins anew with the order of its own next epoch. So what a step reads
    depends on the seeds and the number of the step alone.

    Args:
        first: what an epoch, `steps`, `batch_size`, `images`, `labels`, `class_names` are of.
        *others: read beside it; their batches may be of another size, their pictures too.

    Attributes:
        batches: tf.data.Dataset of (images, annotations): a tuple of what each data set gives as
            images; and the annotations of those that have any (annotation="none" has none), a tuple
            if there are several, else as they are. Of (images,) where no data set has any.
        datasets: all of them.
        skipped: (name, reason) of pictures that were left out of any of them.

    Raises:
        ValueError: none beside the first, or one without a full batch.
    """

    def __init__(self, first: Dataset, *others: Dataset):
        if not others:
            raise ValueError("Beside reads two data sets or more; give another one.")
        self.datasets = (first, *others)
        for dataset in self.datasets:
            if not dataset.steps:
                raise ValueError(
                    f"a data set of {dataset.images} pictures has no full batch of "
                    f"{dataset.batch_size}; lower its batch_size."
                )
        self.steps, self.batch_size, self.images = first.steps, first.batch_size, first.images
        self.class_names, self.annotation = first.class_names, first.annotation
        self.transform, self.training = first.transform, first.training
        self._first = first

    @cached_property
    def batches(self) -> Any:
        """Each time that it is iterated it is the next epoch."""
        tf = pipeline.tensorflow()

        def next_epoch(_: Any) -> Any:
            return tf.ensure_shape(tf.numpy_function(self._first.next_epoch, [], tf.int64), ())

        with tf.device("CPU"):
            number = tf.data.Dataset.from_tensors(0).map(next_epoch)
            read = self._reading()
            return self._finished(number.flat_map(lambda epoch: read(epoch, epoch + 1)), 1)

    def epochs(self, start: int, stop: int) -> Any:
        """The epochs `start` to `stop` - 1 as one tf.data.Dataset, the same each time."""
        with pipeline.tensorflow().device("CPU"):
            return self._finished(self._reading()(start, stop), stop - start)

    def _finished(self, batches: Any, epochs: int) -> Any:
        tf = pipeline.tensorflow()
        count = tf.data.experimental.assert_cardinality(epochs * self.steps)
        return pipeline.finished(batches.apply(count))

    def _reading(self) -> Callable[[Any, Any], Any]:
        """What gives the batches from one epoch up to another."""
        tf = pipeline.tensorflow()
        augmenters = [pipeline.augmenters(dataset) for dataset in self.datasets]

        def read(start: Any, stop: Any) -> Any:
            # Counted from the first step of all epochs on, for each data set.
            steps = tf.data.Dataset.range(start * self.steps, stop * self.steps)
            parts = []
            for dataset, own in zip(self.datasets, augmenters, strict=True):
                pairs = steps.map(lambda step, n=dataset.steps: (step // n, step % n))
                parts.append(pipeline.read(dataset, pairs, own))
            return tf.data.Dataset.zip(tuple(parts)).map(lambda *given: self._join(given))

        return read

    def _join(self, given: tuple[tuple, ...]) -> tuple:
        images = tuple(one[0] for one in given)
        known = tuple(one[1] for one in given if len(one) > 1)
        return (images, known if len(known) > 1 else known[0]) if known else (images,)

    def __iter__(self) -> Iterator[tuple]:
        """One epoch as numpy arrays."""
        return iter(self.batches.as_numpy_iterator())

    def __len__(self) -> int:
        return self.steps

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` (from 0) the next one that `batches` gives."""
        self._first.set_epoch(epoch)

    @property
    def labels(self) -> np.ndarray:
        return self._first.labels

    @property
    def names(self) -> list[str]:
        return self._first.names

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return [row for dataset in self.datasets for row in dataset.skipped]
