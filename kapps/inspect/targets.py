"""Which number of a model's answer is to be explained."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

Target = Callable[[Any], Any]  # outputs of a batch -> a number for each image, (batch,)


def of_class(index: int) -> Target:
    """The score of a class; of a segmenter, the sum of its scores over the map.

    Args:
        index: of the class. Of maps the last axis has the classes.

    Source, for maps: Vinogradova, Dibrov and Myers, "Towards Interpretable Semantic Segmentation
    via Gradient-Weighted Class Activation Mapping", AAAI 2020, equation 3, with all pixels.
    """

    def target(outputs):
        scores = _only(outputs)[..., index]
        return ops.sum(ops.reshape(scores, (ops.shape(scores)[0], -1)), axis=1)

    return target


def of_detection(anchor: int, index: int) -> Target:
    """The score of one box of a detector.

    Args:
        anchor: its row in `boxes` and `scores`.
        index: of the class.
    """
    return lambda outputs: outputs["scores"][:, anchor, index]


def default(outputs: Any) -> Target:
    """What a model answers first about the first image of a batch: the class with the best score;
    of a segmenter the class with the most pixels; of a detector the surest box.

    Args:
        outputs: as the model gives them, arrays or tensors.
    """
    if isinstance(outputs, Mapping) and "scores" in outputs:
        scores = ops.convert_to_numpy(outputs["scores"])[0]
        return of_detection(*map(int, divmod(int(scores.argmax()), scores.shape[-1])))
    return of_class(best(outputs))


def best(outputs: Any, without: int | None = None) -> int:
    """The class that the first image of a batch has: of the best score, or of the most pixels.

    Args:
        outputs: as the model gives them, arrays or tensors.
        without: a class that does not count, such as the background, where there is another.
    """
    scores = ops.convert_to_numpy(_only(outputs))[0]
    if scores.ndim == 1:
        counts = scores.copy()
    else:
        counts = np.bincount(scores.argmax(axis=-1).ravel(), minlength=scores.shape[-1])
    if without is not None and counts.argmax() == without and np.delete(counts, without).max() > 0:
        counts[without] = counts.min() - 1
    return int(counts.argmax())


def resolved(target: Target | int | None, outputs: Any) -> Target:
    """What was asked for as a function: a number is a class, None what the model answers first."""
    if target is None:
        return default(outputs)
    if callable(target):
        return target
    if isinstance(outputs, Mapping) and "scores" in outputs:
        scores = ops.convert_to_numpy(outputs["scores"])[0]
        _check(target, scores.shape[-1])
        return of_detection(int(scores[:, target].argmax()), target)
    _check(target, _only(outputs).shape[-1])
    return of_class(target)


def _check(index: int, classes: int) -> None:
    if not 0 <= index < classes:
        raise ValueError(f"class {index} is none of the {classes} of the model, 0 to {classes - 1}")


def _only(outputs):
    """The one output, or the first of several, which answers."""
    if isinstance(outputs, Mapping):
        return next(iter(outputs.values()))
    return outputs[0] if isinstance(outputs, list | tuple) else outputs
