"""Test-time augmentation: a model answers for several views of a picture, and the mean counts.

AlexNet (Krizhevsky et al. 2012, section 4.1) was judged on ten: the four corners and the centre of
the 256 x 256 picture, and their mirror images.
"""

import dataclasses
import math
from typing import Any

import numpy as np

TTA = ("none", "flip", "crops", "ten-crops")
MARGIN = (
    224 / 256
)  # share of the picture that a crop keeps, where the model's rule leaves no margin


def with_views(predictor: Any, kind: str) -> Any:
    """The same predictor, whose answers are means over views.

    Args:
        predictor: `kapps.recipes._predictor.Predictor`.
        kind: "none"; "flip": the picture and its mirror image; "crops": four corners and the
            centre; "ten-crops": these and their mirror images.

    Raises:
        ValueError: another kind.
    """
    if kind not in TTA:
        raise ValueError(f"tta={kind!r} is not one of {', '.join(TTA)}.")
    if kind == "none":
        return predictor
    if not getattr(predictor.task, "averages", True):  # a task of one's own may lack the word
        raise ValueError(
            f"tta={kind} averages answers, and those of {predictor.name} have no mean; drop it."
        )
    rule = predictor.transform
    size, whole = rule.size, rule.size
    if kind != "flip":  # the picture before the centre is cut out of it
        share = min(rule.crop_pct, MARGIN)
        whole = tuple(math.floor(side / share) for side in size)
    changes = {} if kind == "flip" else {"size": whole, "crop_pct": 1.0}
    rule = rule.replace(**changes)
    return dataclasses.replace(predictor, transform=rule, tta=kind, view=size)


def views(images: np.ndarray, size: tuple[int, int], kind: str) -> list[np.ndarray]:
    """What the model sees of pictures.

    Args:
        images: uint8 [B, H, W, C].
        size: height and width of a view, at most H and W.
        kind: see `with_views`.

    Returns:
        2, 5 or 10 arrays uint8 [B, *size, C]; the mirror images come last.
    """
    (height, width), (full_height, full_width) = size, images.shape[1:3]
    down, across = full_height - height, full_width - width
    corners = [(0, 0), (0, across), (down, 0), (down, across)] if kind != "flip" else []
    starts = [*corners, (down // 2, across // 2)]
    cut = [images[:, top : top + height, left : left + width] for top, left in starts]
    return cut if kind == "crops" else [*cut, *(view[:, :, ::-1] for view in cut)]
