"""How good answers are: from a network's outputs to top-1, loss, average precision, errors."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from kapps.errors import KappsError

SMALLEST = 1e-7  # probability below which the loss stops growing, as in Keras


def kind_of(model) -> str:
    """What the outputs of a Keras model are: "probabilities", "values" in units, or "logits"."""
    import keras

    from kapps.layers import Units

    layer = model.layers[-1]
    ends = (keras.activations.softmax, keras.activations.sigmoid)
    if getattr(layer, "activation", None) in ends or isinstance(layer, keras.layers.Softmax):
        return "probabilities"
    return "values" if isinstance(layer, Units) else "logits"


def shape_of(model) -> Any:
    """The shape of a Keras model's output as a tuple, or where it is a dictionary one of tuples."""
    output = getattr(model, "output", None)  # which a keras.Sequential from a file lacks
    if isinstance(output, dict):
        return {name: tuple(tensor.shape) for name, tensor in output.items()}
    return getattr(model, "output_shape", None)


def softmax(rows: np.ndarray) -> np.ndarray:
    """Logits (pictures, classes) as probabilities in float32."""
    rows = np.asarray(rows, "float32")
    rows = np.exp(rows - rows.max(axis=1, keepdims=True))
    return rows / rows.sum(axis=1, keepdims=True)


def sigmoid(rows: np.ndarray) -> np.ndarray:
    """Logits (pictures, classes) as independent probabilities in float32."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(rows, "float32")))


def predict_batches(
    predict: Callable[[np.ndarray], Any],
    batches: Iterable[tuple[np.ndarray, Any]],
    batch_size: int,
    advance: Callable | None = None,
) -> tuple[Any, Any]:
    """Run `predict` over all batches, a shorter last one padded so that nothing is recompiled.

    Args:
        predict: images (batch_size, height, width, channels) to rows (batch_size, n), to a
            dictionary of such arrays, or to a list of answers.
        batches: (images, labels) pairs, labels an array or a dictionary of them; at most
            `batch_size` images each.
        batch_size: images that `predict` gets at a time.
        advance: called with the number of images after each batch.

    Returns:
        (rows, labels) of all images in the order of the batches, in the form of those of a batch.

    Raises:
        ValueError: there was no image.
        KappsError: an answer is NaN, which every comparison would take for right.
    """
    rows, labels = [], []
    for images, numbers in batches:
        images = np.asarray(images)
        count = len(images)
        if count < batch_size:
            padding = np.repeat(images[-1:], batch_size - count, axis=0)
            images = np.concatenate([images, padding])
        # A replicated model may answer once per replica; the first answers are ours.
        rows.append(first(predict(images), count))
        labels.append(first(numbers, count))
        if advance:
            advance(count)
    if not rows:
        raise ValueError("there are no images to predict; check the data setting.")
    rows = joined(rows)
    refuse_nan(rows)
    return rows, joined(labels)


def refuse_nan(answers: Any) -> None:
    """Raise KappsError where an answer, an array or one of a dictionary of them, has a NaN."""
    for rows in answers.values() if isinstance(answers, dict) else [answers]:
        if isinstance(rows, np.ndarray) and rows.dtype.kind == "f" and np.isnan(rows).any():
            bad = int(np.isnan(rows.reshape(len(rows), -1)).any(axis=1).sum())
            raise KappsError(
                f"the model answers NaN to {bad} of {len(rows)} pictures; train it with a lower "
                "learning_rate, or use the weights of an earlier epoch."
            )


def first(values: Any, count: int) -> Any:
    """Of the answers for a batch the first so many."""
    if isinstance(values, dict):
        return {key: first(value, count) for key, value in values.items()}
    return values[:count] if isinstance(values, list) else np.asarray(values)[:count]


def joined(batches: list) -> Any:
    """The answers for several batches as those for one."""
    if isinstance(batches[0], dict):
        return {key: joined([batch[key] for batch in batches]) for key in batches[0]}
    if isinstance(batches[0], list):
        return [answer for batch in batches for answer in batch]
    return np.concatenate(batches)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label); labels are class numbers (images,)."""
    right = probabilities[np.arange(len(labels)), labels].astype("float64")
    return abs(float(np.log(np.maximum(right, SMALLEST)).mean()))  # not -0.0


def binary_cross_entropy(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Mean over pictures and classes of -log p where the target is 1, of -log(1 - p) where it is 0.

    Args:
        probabilities: (pictures, classes).
        targets: the same shape, in 0..1.
    """
    p = np.clip(np.asarray(probabilities, "float64"), SMALLEST, 1 - SMALLEST)
    return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean())


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


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, bins: int
) -> list[tuple[int, float, float]]:
    """(pictures, mean confidence, share that is right) of answers by their confidence.

    Confidence is the largest probability of an answer; the bins are of equal width in (0, 1] (Guo
    et al., 2017, arXiv:1706.04599, section 2). An empty bin has zeros.
    """
    sure = probabilities.max(axis=1).astype("float64")
    right = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for i in range(bins):
        inside = places == i
        count = int(inside.sum())
        rows.append(
            (count, float(sure[inside].mean()), float(right[inside].mean()))
            if count
            else (0, 0.0, 0.0)
        )
    return rows


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error, 0..1: the mean distance of confidence and accuracy over bins.

    Equation 3 of Guo et al., 2017, arXiv:1706.04599.
    """
    rows = reliability(probabilities, labels, bins)
    return sum(count * abs(right - sure) for count, sure, right in rows) / len(labels)


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """By what logits are divided so that the answers are as sure as they are right.

    The one number that makes the loss least; above 1 the model was too sure of itself. The most
    probable class stays. Source: Guo et al., 2017, arXiv:1706.04599, section 4.2.

    Args:
        probabilities: (pictures, classes), rows of sum 1.
        labels: class numbers (pictures,).

    Returns:
        1/20 up to 20.
    """
    golden = (5**0.5 - 1) / 2
    low, high = -np.log(20.0), np.log(20.0)  # the loss has one valley in 1/T
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        losses = [cross_entropy(cooled(probabilities, np.exp(t)), labels) for t in (left, right)]
        low, high = (low, right) if losses[0] < losses[1] else (left, high)
    return float(np.exp((low + high) / 2))


def cooled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by a temperature, float64 (pictures, classes)."""
    logits = np.log(np.maximum(probabilities.astype("float64"), SMALLEST)) / temperature
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    return rows / rows.sum(axis=1, keepdims=True)


def average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Area under the precision-recall steps of one class; NaN where no picture has it.

    The sum of (R_n - R_{n-1}) P_n over the thresholds, without interpolation; pictures of equal
    score pass a threshold together.

    Args:
        scores: (pictures,), higher for more certain.
        targets: (pictures,), 1 where the picture has the class, else 0.
    """
    order = np.argsort(-scores, kind="stable")
    scores, targets = scores[order], np.asarray(targets[order], "float64")
    if not targets.sum():
        return float("nan")
    last = np.append(np.diff(scores) != 0, True)  # of each group of equal scores
    found = targets.cumsum()[last]
    precision = found / (np.flatnonzero(last) + 1)
    return float((np.diff(found, prepend=0.0) * precision).sum() / targets.sum())


def mean_average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Mean of the average precisions of all classes that occur; both (pictures, classes)."""
    each = [average_precision(scores[:, i], targets[:, i]) for i in range(targets.shape[1])]
    return float(np.nanmean(each)) if not np.isnan(each).all() else 0.0


def f1(found: np.ndarray, targets: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN) over all pictures and classes together ("micro"); booleans."""
    found, targets = np.asarray(found, bool), np.asarray(targets) > 0.5
    right = (found & targets).sum()
    return float(2 * right / max(found.sum() + targets.sum(), 1))
