"""How good predictions are: top-1, top-5, loss, per class, confusion matrix."""

from collections.abc import Callable, Iterable

import numpy as np

SMALLEST = 1e-7  # probability below which the loss stops growing, as in Keras


def predict_batches(
    predict: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
    advance: Callable | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Run `predict` over all batches, a shorter last one padded so that nothing is recompiled.

    Args:
        predict: images (batch_size, height, width, channels) to rows (batch_size, n).
        batches: (images, labels) pairs; at most `batch_size` images each.
        batch_size: images that `predict` gets at a time.
        advance: called with the number of images after each batch.

    Returns:
        (rows (images, n), labels (images,)) in the order of the batches.

    Raises:
        ValueError: there was no image.
    """
    rows, labels = [], []
    for images, numbers in batches:
        images = np.asarray(images)
        count = len(images)
        if count < batch_size:
            padding = np.repeat(images[-1:], batch_size - count, axis=0)
            images = np.concatenate([images, padding])
        # A replicated model may answer once per replica; the first answers are ours.
        rows.append(np.asarray(predict(images))[:count])
        labels.append(np.asarray(numbers))
        if advance:
            advance(count)
    if not rows:
        raise ValueError("there are no images to predict; check the data setting.")
    return np.concatenate(rows), np.concatenate(labels)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label); labels are class numbers (images,)."""
    right = probabilities[np.arange(len(labels)), labels].astype("float64")
    return float(-np.log(np.maximum(right, SMALLEST)).mean())


def accuracy(probabilities: np.ndarray, labels: np.ndarray, top: int = 1) -> float:
    """Share of images whose label is among the `top` most probable classes, 0..1.

    Among equal probabilities the lower class number comes first, as in numpy.argmax.
    """
    right = probabilities[np.arange(len(labels)), labels][:, None]
    before = np.arange(probabilities.shape[1])[None] < labels[:, None]
    rank = ((probabilities > right) | ((probabilities == right) & before)).sum(axis=1)
    return float((rank < top).mean())


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each class (row) were taken for each class (column)."""
    classes = probabilities.shape[1]
    guesses = probabilities.argmax(axis=1)
    return np.bincount(labels * classes + guesses, minlength=classes**2).reshape(classes, classes)
