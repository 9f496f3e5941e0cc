"""The data set that training, evaluation and export read: batches for every backend."""

import atexit
import contextlib
import gc
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np

from kapps.data import augment as augmentation
from kapps.data import batch_functions, keras_layers, mixing
from kapps.data.annotations import Rows
from kapps.data.packed import BUFFER, shuffled
from kapps.data.reading import Reader
from kapps.data.transforms import Transform
from kapps.errors import DataError, MissingPackageError

PARALLEL_BATCHES = 2  # one decodes while the last pictures of the other finish
PREFETCH = 2


class Dataset:
    """Pictures and labels in batches, the same on TensorFlow, JAX and torch.

    `dataset.batches` goes into `model.fit`, `evaluate` and `predict`. Each time that it is
    iterated it is the next epoch, in a new order and with new random pieces if it is for training;
    `set_epoch(n)` chooses the epoch that comes next. An epoch depends on the seed and its number
    alone.

    Attributes:
        batches: tf.data.Dataset of (images, labels): uint8 [B, H, W, C] in 0..255, and the
            annotations: int32 [B], or float32 [B, n], see `kapps.data.annotations`.
        annotation: what the labels are: "class", "labels" or "values".
        class_names: in index order; the names of the numbers, where labels are numbers.
        images: how many there are.
        steps: batches in an epoch.
        labels: int32 [images], or float32 [images, n], in the order of `names`; also that of
            `batches` unless training.
        names: what each picture is called: its path below the folder, or "digits[3]".
        skipped: (name, reason) of pictures that were left out.
        transform: how a picture becomes pixels.
        training: whether the batches are shuffled and augmented.
        cached: whether the decoded pictures are kept in memory.
    """

    def __init__(
        self,
        reader: Reader,
        class_names: tuple[str, ...],
        batch_size: int,
        seed: int,
        policy: augmentation.Policy,
        mix: str | None,
        form: Rows,
        drop_remainder: bool,
        training: bool,
        share: tuple[int, int],
    ):
        self._reader, self._seed, self._mix = reader, seed, mix
        self.class_names, self.batch_size, self.training = class_names, batch_size, training
        self.annotation, self._form = form.annotation, form
        self._rank, self._count = share
        self._rows = batch_size // self._count  # those of a batch that this process reads
        self._static_batch = self._rows if drop_remainder and training else None
        self.images = len(reader.source)
        whole, rest = divmod(self.images, batch_size)
        self.steps = whole if drop_remainder else whole + bool(rest)
        self._epoch, self._lock = 0, threading.Lock()
        self._order = lru_cache(maxsize=2)(self._make_order)
        self._policy = policy
        sample = np.zeros((2, *reader.transform.size, reader.transform.channels), np.uint8)
        batch_functions.apply(policy.functions, sample, 0)
        if training:  # what does not fit shows before the first epoch, not in it
            self.batches  # noqa: B018

    @cached_property
    def batches(self) -> Any:
        """Built when it is first asked for: the numpy arrays of an evaluation need no tf.data."""
        return self._pipeline(None)

    def epochs(self, start: int, stop: int) -> Any:
        """The batches of the epochs `start` to `stop` - 1 as one tf.data.Dataset.

        Unlike `batches` it gives the same each time that it is iterated. The first batches of an
        epoch are made while the last of the one before are used.
        """
        return self._pipeline((start, stop))

    @property
    def labels(self) -> np.ndarray:
        labels = self._reader.source.labels
        return labels.astype(np.int32 if self.annotation == "class" else np.float32)

    @property
    def names(self) -> list[str]:
        return list(self._reader.source.names)

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

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One epoch as numpy arrays."""
        return iter(self.batches.as_numpy_iterator()) if self.training else self._plain()

    def _plain(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of an epoch in which nothing is random, read ahead as tf.data does it."""
        epoch, steps = self._next_epoch(), iter(range(self.steps))
        # Not the threads that decode: a batch waits for them.
        pool = ThreadPoolExecutor(PARALLEL_BATCHES, thread_name_prefix="kapps-batches")
        try:
            ahead = deque(pool.submit(self._batch, epoch, step) for step in islice(steps, PREFETCH))
            while ahead:
                images, labels, _ = ahead.popleft().result()
                ahead.extend(pool.submit(self._batch, epoch, step) for step in islice(steps, 1))
                yield images, labels
        finally:
            pool.shutdown(cancel_futures=True)

    def pictures(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Some pictures by their places in `names`, uint8 [H, W, C]: what a report shows.

        Raises:
            DataError: one of them cannot be read any more.
        """
        chosen = np.asarray(indices, np.int64)
        images, found = self._reader.batch(chosen, 0)
        if not np.array_equal(found, chosen):
            raise DataError(f"{self.skipped[-1][0]} cannot be read: {self.skipped[-1][1]}")
        return list(images)

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` (from 0) the next one that `batches` gives; call it to resume a run."""
        with self._lock:
            self._epoch = int(epoch)

    def _next_epoch(self) -> np.int64:
        with self._lock:
            epoch, self._epoch = self._epoch, self._epoch + 1
        return np.int64(epoch)

    def _make_order(self, epoch: int) -> np.ndarray:
        if not self.training:
            return np.arange(self.images)
        rng = np.random.default_rng([self._seed, epoch])
        stretches = getattr(self._reader.source.items, "stretches", None)
        return rng.permutation(self.images) if stretches is None else shuffled(stretches, rng)

    def _batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray, np.int64]:
        epoch, step = int(epoch), int(step)
        start = step * self.batch_size + self._rank * self._rows
        order = self._order(epoch)
        chosen = order[start : start + self._rows]
        if self._count == 1:  # of several processes each would read all of it
            self._reader.ahead(order[start + BUFFER : start + BUFFER + self._rows])
        images, chosen = self._reader.batch(chosen, epoch)
        labels = self._form.batch(self._reader.source.labels[chosen])
        key = keras_layers.batch_key(self._seed, epoch, step * self._count + self._rank)
        return images, labels, np.int64(key)

    def _mixed(
        self, images: np.ndarray, labels: np.ndarray, key: int
    ) -> tuple[np.ndarray, np.ndarray]:
        # The key alone would repeat the numbers that the layers drew from it.
        return mixing.mix(self._mix, images, labels, np.random.default_rng([int(key), 1]))

    def _changed(self, images: np.ndarray, key: int) -> np.ndarray:
        return batch_functions.apply(self._policy.functions, images, key)

    def _pipeline(self, numbers: tuple[int, int] | None) -> Any:
        """Of the epochs in that range; None for the next one, whichever it is."""
        tf, layers = _tensorflow(), self._policy.layers()
        count = self._static_batch
        shape = (*self.transform.size, self.transform.channels)
        label_shape = (count, *self._form.shape)
        label_type = tf.as_dtype(self._form.dtype)

        def shaped(images: Any, labels: Any) -> tuple[Any, Any]:
            return tf.ensure_shape(images, (count, *shape)), tf.ensure_shape(labels, label_shape)

        def load(epoch: Any, step: Any) -> tuple[Any, Any, Any]:
            types = [tf.uint8, label_type, tf.int64]
            images, labels, key = tf.numpy_function(self._batch, [epoch, step], types)
            return *shaped(images, labels), tf.ensure_shape(key, ())

        def change(images: Any, labels: Any, key: Any) -> tuple[Any, Any, Any]:
            images = tf.numpy_function(self._changed, [images, key], tf.uint8)
            return *shaped(images, labels), key

        def mix(images: Any, labels: Any, key: Any) -> tuple[Any, Any, Any]:
            types = [tf.uint8, label_type]
            return *shaped(*tf.numpy_function(self._mixed, [images, labels, key], types)), key

        def next_epoch(_: Any) -> Any:
            return tf.ensure_shape(tf.numpy_function(self._next_epoch, [], tf.int64), ())

        def epoch_steps(epoch: Any) -> Any:
            return tf.data.Dataset.range(self.steps).map(lambda step: (epoch, step))

        # tf.data is host work: kept off the GPU, where TensorFlow would put variables.
        with tf.device("CPU"):
            if numbers is None:
                epochs = tf.data.Dataset.from_tensors(0).map(next_epoch)
            else:
                epochs = tf.data.Dataset.range(*numbers)
            batches = epochs.flat_map(epoch_steps)
            batches = batches.map(load, num_parallel_calls=PARALLEL_BATCHES, deterministic=True)
            if layers:
                augmenter = keras_layers.Augmenter(layers, shape)
                # One after the other: the layers' random state is set for each batch.
                batches = batches.map(lambda x, y, key: (augmenter(x, key), y, key))
            if self._policy.functions:
                batches = batches.map(change)
            if self._mix:
                batches = batches.map(mix)
            batches = batches.map(lambda images, labels, _: (images, labels))
            count = self.steps * (numbers[1] - numbers[0] if numbers else 1)
            batches = batches.apply(tf.data.experimental.assert_cardinality(count))
            options = tf.data.Options()
            # Of several hosts, each takes its share of every epoch.
            options.experimental_distribute.auto_shard_policy = (
                tf.data.experimental.AutoShardPolicy.DATA
            )
            return batches.prefetch(PREFETCH).with_options(options)


def _end_iterators() -> None:
    """Destroy every tf.data iterator, for the end of the process.

    Destroying one waits for its threads, and a thread that calls Python once the interpreter is
    shutting down ends without a word: a script that leaves an iterator, or a training that
    Ctrl-C stopped, would wait for ever after its last line.
    """
    import tensorflow as tf

    for one in gc.get_objects():
        if issubclass(type(one), tf.data.Iterator):
            vars(one).clear()


@cache
def _tensorflow() -> Any:
    """TensorFlow, for tf.data; on another backend it must leave the GPU's memory alone."""
    import keras

    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        raise MissingPackageError(
            "data is read with tf.data on every backend; pip install 'kapps[tensorflow]'."
        ) from None
    if keras.config.backend() != "tensorflow":
        with contextlib.suppress(RuntimeError):  # TensorFlow already runs; too late to change
            tf.config.set_visible_devices([], "GPU")
    atexit.register(_end_iterators)
    return tf
