"""The 1000 classes of ImageNet, and the two helpers that every family module of Keras has."""

import numpy as np

from kapps._imagenet import class_names


def preprocess_input(x, data_format: str | None = None, mode: str = "caffe"):  # noqa: ARG001
    """Return `x` unchanged: kapps applications take RGB in [0, 255] and normalise inside.

    It is here so that code written for `keras.applications` keeps working; `data_format` and `mode`
    are accepted for the same reason and change nothing.
    """
    return x


def decode_predictions(preds, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Name the `top` classes of each row.

    Args:
        preds: scores of shape (images, 1000).
        top: how many classes to name.

    Returns:
        For each image a list of (wnid, label, score), best first.

    Raises:
        ValueError: `preds` does not have the shape (images, 1000).
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            f"preds has shape {preds.shape}; expected (images, 1000): decode_predictions names the "
            "classes of ImageNet, use your own class names for other models"
        )
    names = class_names()
    best = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [
        [(*names[i], float(row[i])) for i in order] for row, order in zip(preds, best, strict=True)
    ]


__all__ = ["class_names", "decode_predictions", "preprocess_input"]
