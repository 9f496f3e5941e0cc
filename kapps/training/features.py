"""Train a classifier on cached features: the frozen network below it sees every image once."""

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from kapps import runs
from kapps.data.annotations import strata
from kapps.data.orders import EACH_ONCE, Order
from kapps.files import atomic_path, atomic_write
from kapps.layers import Network, Units
from kapps.tasks import Task
from kapps.training import engine, progress
from kapps.training.folding import fold_norms

IN_MEMORY = 1 << 28  # bytes of features above which they stay on disk as a memory map


@dataclasses.dataclass(frozen=True)
class Features:
    """What a frozen network says about each image: rows (images, n) float32, labels (images,)."""

    rows: np.ndarray
    labels: np.ndarray


def backbone_of(model) -> keras.Model:
    """The part of `model` below its classifier, and below the Dropout before it.

    Args:
        model: a functional model that ends in a Dense layer.

    Returns:
        A functional model, sharing the weights, with outputs (batch, n).

    Raises:
        ValueError: the last layer is no Dense.
    """
    layer = classifier_of(model)
    while isinstance(before := layer.input._keras_history.operation, keras.layers.Dropout):
        layer = before
    return Network(model.input, layer.input, name=f"{model.name}_backbone")


def classifier_of(model) -> keras.layers.Dense:
    """The last layer of `model` with weights.

    Raises:
        ValueError: it is no Dense.
    """
    layer = model.layers[-1]
    if isinstance(layer, Units):
        layer = layer.input._keras_history.operation
    if not isinstance(layer, keras.layers.Dense):
        raise ValueError(
            f"model {model.name!r} ends in {layer.name!r} ({type(layer).__name__}), expected a "
            "Dense classifier; give it one with kapps.replace_head."
        )
    return layer


def extract(
    backbone: keras.Model,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
    images: int,
    *,
    folder: Path | None = None,
    key: dict | None = None,
    text: str = "features",
) -> Features:
    """Run every image through `backbone` once, or read what an earlier call with `key` stored.

    Args:
        backbone: ends in (batch, n).
        batches: (images, labels) pairs; not touched when the features are stored already.
        batch_size: images a step; the last batch may be shorter.
        images: how many there are.
        folder: where to store features; None keeps them in memory only.
        key: JSON-able facts that the images and their order depend on; with the backbone's
            weights they name the file.
        text: names the progress bar.

    Raises:
        ValueError: there are no images, or more than announced.
        FileWriteError: the disk is full or the folder cannot be written.
    """
    if folder is None:
        rows = np.empty((images, backbone.output_shape[-1]), "float32")
        labels = _fill(rows, backbone, batches, batch_size, text)
        return Features(rows[: len(labels)], labels)
    path = folder / f"{_digest(backbone, key)}.npy"
    labels_path = path.with_suffix(".labels.npy")
    if not path.exists():
        with atomic_path(path) as temporary:
            shape = (images, backbone.output_shape[-1])
            rows = np.lib.format.open_memmap(temporary, "w+", "float32", shape)
            labels = _fill(rows, backbone, batches, batch_size, text)
            rows.flush()
            with atomic_write(labels_path) as file:
                np.save(file, labels)
            # Only now does the file of features get its name: with it, both are there.
    else:
        progress.say(f"{text}: {images} images, stored before")
    large = path.stat().st_size > IN_MEMORY
    labels = np.load(labels_path)
    return Features(np.load(path, mmap_mode="r" if large else None)[: len(labels)], labels)


def _fill(rows: np.ndarray, backbone, batches, batch_size: int, text: str) -> np.ndarray:
    """Write the features of all batches into `rows`; returns the labels.

    There may be fewer images than announced: a file that turns out damaged is left out.
    """
    labels, done = [], 0
    backbone = fold_norms(backbone)
    with progress.bar(text, len(rows)) as advance:
        for pixels, numbers in batches:
            pixels, count = np.asarray(pixels), len(pixels)
            if done + count > len(rows):
                raise ValueError(f"there are more than the {len(rows)} images announced.")
            if count < batch_size:  # one shape, so that nothing is compiled twice
                pixels = np.concatenate([pixels, np.repeat(pixels[-1:], batch_size - count, 0)])
            rows[done : done + count] = backbone.predict_on_batch(pixels)[:count]
            labels.append(np.asarray(numbers))
            done += count
            advance(count)
    if not labels:
        raise ValueError("there are no images to take features of; check the data setting.")
    return np.concatenate(labels)


def _digest(backbone, key: dict | None) -> str:
    """A name for (images, network): 16 hexadecimal digits."""
    weights = 0
    for array in backbone.get_weights():
        weights = zlib.crc32(np.ascontiguousarray(array), weights)
    text = json.dumps([key, weights, backbone.output_shape, backbone.input_shape], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class FeatureBatches:
    """Features as training and judging data of `engine.fit`, scaled to mean 0 and deviation 1."""

    def __init__(
        self,
        features: Features,
        mean,
        std,
        batch_size: int,
        seed: int,
        devices: int = 1,
        order: Order = EACH_ONCE,
        groups: np.ndarray | None = None,
    ):
        self.features, self.mean, self.std, self.seed = features, mean, std, seed
        self.batch_size, self.order, self.groups = batch_size, order, groups
        # A training step takes a full batch, however few images there are.
        images = len(features.labels)
        self.full = min(batch_size, images) // devices * devices
        self.steps = images // self.full if self.full else 0

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Full batches in an order that depends on the seed and the epoch."""
        rng = np.random.default_rng((self.seed, number))
        order = self.order.draw(len(self.features.labels), rng, self.groups)
        for start in range(0, self.steps * self.full, self.full):
            yield self._batch(np.sort(order[start : start + self.full]))

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(self.features.labels), self.batch_size):
            yield self._batch(slice(start, start + self.batch_size))

    def _batch(self, where) -> tuple[np.ndarray, np.ndarray]:
        rows = (self.features.rows[where] - self.mean) / self.std
        return rows.astype("float32"), self.features.labels[where]


def train_head(
    model: keras.Model,
    train: Features,
    validation: Features | None,
    plan: engine.Plan,
    batch_size: int = 64,
    *,
    task: Task | None = None,
    run: runs.Run | None = None,
    devices: int = 1,
    balance: float = 0.0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    pictures: Callable[[Sequence[int]], Sequence[np.ndarray]] | None = None,
) -> list[dict]:
    """Train the classifier of `model` on features; then it holds the weights of the best epoch.

    The features are brought to mean 0 and deviation 1 first, which lets one learning rate fit every
    network; the scale is then folded into the classifier, exactly.

    Args:
        model: the whole model; only its last layer, a Dense, changes.
        train: features of the training images, from `extract(backbone_of(model), ...)`.
        validation: of the images to judge by, or None.
        plan: epochs, learning rate and the rest.
        batch_size: features a step; rounded down to what `devices` can share evenly.
        task: what is learnt; None for one class a picture.
        run: where the epochs are recorded and backed up; None records nothing.
        devices: on how many this process trains.
        balance: how often rare classes come, see `kapps.data.Order`.
        callbacks, pictures: see `engine.fit`.

    Returns:
        A row an epoch, see `runs.columns`.

    Raises:
        ValueError: the model does not end in a Dense classifier.
    """
    batch_size = max(batch_size // devices, 1) * devices
    classifier = classifier_of(model)
    mean, std = _moments(train.rows)
    if not classifier.use_bias:  # which would have to take up the mean
        mean = np.zeros_like(mean)
    dropout = classifier.input._keras_history.operation
    rate = dropout.rate if isinstance(dropout, keras.layers.Dropout) else 0.0

    inputs = keras.Input(train.rows.shape[1:])
    x = keras.layers.Dropout(rate)(inputs) if rate else inputs
    dense = keras.layers.Dense.from_config(classifier.get_config() | {"trainable": True})
    head = keras.Model(inputs, dense(x), name="head")
    head = task.complete(head) if task else head
    # From zero: what random weights say about directions that the features hardly use would stay,
    # which cost 2 to 3 points of test accuracy on sign_digits.
    dense.set_weights([np.zeros_like(np.asarray(w)) for w in dense.get_weights()])

    groups = strata(task.annotation if task else Task.annotation, train.labels) if balance else None
    order = Order(balance)
    rows = engine.fit(
        head,
        FeatureBatches(train, mean, std, batch_size, plan.seed, devices, order, groups),
        validation and FeatureBatches(validation, mean, std, batch_size, plan.seed),
        plan,
        task=task,
        run=run,
        callbacks=callbacks,
        pictures=pictures,
        keep_best=True,
    )
    kernel, *bias = (np.asarray(w) for w in dense.get_weights())
    kernel = kernel / std[:, None]
    classifier.set_weights([kernel, *(b - mean @ kernel for b in bias)])
    return rows


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each feature; a deviation near zero counts as the typical one."""
    mean = rows.mean(axis=0, dtype="float64")
    square = np.zeros_like(mean)
    for start in range(0, len(rows), 4096):  # a memory map may be larger than memory
        square += ((rows[start : start + 4096] - mean) ** 2).sum(axis=0)
    std = np.sqrt(square / len(rows))
    floor = 0.1 * np.median(std) + 1e-6
    return mean.astype("float32"), np.maximum(std, floor).astype("float32")
