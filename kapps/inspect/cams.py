"""Class activation maps: which places of an inner map speak for a number of a model's answer.

With maps A_k of a layer and a number y, all of them are

    L = ReLU(sum over k of a_k A_k)

and differ in how they weigh the maps. A weight holds for a whole map, and the number of a detector
is of one box: there L is multiplied by where that box looks, see `_space`.

Sources: Zhou et al., "Learning Deep Features for Discriminative Localization", 2016
(arXiv:1512.04150); Selvaraju et al., "Grad-CAM", 2017 (arXiv:1610.02391); Chattopadhay et al.,
"Grad-CAM++", 2018 (arXiv:1710.11063); Wang et al., "Score-CAM", 2020 (arXiv:1910.01279); Yamauchi
and Ishikawa, "Spatial Sensitive Grad-CAM", 2022 (doi:10.1109/ICIP46576.2022.9897350).
"""

import numpy as np

from kapps.inspect.score import Score
from kapps.inspect.sizes import resized


def grad_cam(score: Score, layer: str | None = None) -> np.ndarray:
    """Grad-CAM: a_k is the mean of dy/dA_k over the map (equations 1 and 2).

    Args:
        score: what is explained.
        layer: whose map; None for the last one, see `Score.default_layer`. A network of tokens has
            a map of its patches.

    Returns:
        float32 (batch, rows, columns) of the layer's map, 0 and more; `kapps.inspect.resized` lays
        it over the image.

    Raises:
        ValueError: no such layer, or it has no map.
    """
    maps, gradients = _of(score, layer)
    return _combined(score, maps, gradients, gradients.mean(axis=(1, 2)))


def grad_cam_plus_plus(score: Score, layer: str | None = None) -> np.ndarray:
    """Grad-CAM++: positive gradients alone, weighed so that several objects count alike.

    With g = dy/dA_k and the exponential of y as the number (equations 10, 19):

        alpha = g^2 / (2 g^2 + sum(A_k) g^3)        a_k = sum(alpha ReLU(g))

    Equation 19 divides what the exponential has in all of its derivatives; its factor exp(y) is the
    same for all maps and left out.

    Args, Returns, Raises: see `grad_cam`.
    """
    maps, g = _of(score, layer)
    below = 2 * g**2 + maps.sum(axis=(1, 2), keepdims=True) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
    return _combined(score, maps, g, (alpha * np.maximum(g, 0)).sum(axis=(1, 2)))


def score_cam(
    score: Score,
    layer: str | None = None,
    *,
    baseline: float = 0.0,
    channels: int | None = None,
    batch_size: int = 32,
) -> np.ndarray:
    """Score-CAM: a_k says how much of the number comes back where map k shows the image.

    a_k = f(x * H_k + baseline * (1 - H_k)) - f(baseline), with H_k the map laid over the image and
    scaled to 0..1 (definitions 3 and 4), and f the answer itself, after a softmax. No gradient
    weighs the maps, but one answer for each.

    Args:
        score, layer: see `grad_cam`.
        baseline: the value of pixels that are hidden.
        channels: so many maps of the greatest variance over the image; None for all.
        batch_size: images at a time.

    Returns, Raises: see `grad_cam`.
    """
    maps, gradients = _of(score, layer)
    kept = np.argsort(-maps.var(axis=(1, 2)).mean(axis=0), kind="stable")[:channels]
    maps = maps[..., np.sort(kept)]
    whole = np.full_like(score.images, baseline)
    found = np.zeros((len(maps), maps.shape[-1]), "float32")
    for i, (image, one) in enumerate(zip(score.images, maps, strict=True)):
        found[i] = _shown(score, image, one, baseline, batch_size)
    return _combined(score, maps, gradients, found - score.numbers(whole, batch_size)[:, None])


def _shown(score: Score, image, maps, baseline: float, batch_size: int) -> np.ndarray:
    """The number for an image of which each map shows what it covers: (channels,)."""
    numbers = []
    for start in range(0, maps.shape[-1], batch_size):
        masks = resized(np.moveaxis(maps[..., start : start + batch_size], -1, 0), score.sides)
        low, high = (f(masks, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
        masks = (masks - low) / np.where(high > low, high - low, 1)
        masks = np.expand_dims(masks, 1 if score.first else -1)
        numbers.append(score.numbers(masks * image + (1 - masks) * baseline, batch_size))
    return np.concatenate(numbers)


def _of(score: Score, layer: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Maps of the layer and their gradients."""
    layer = layer or score.default_layer()
    found = score.of_layers([layer])
    return found.maps[layer], found.gradients[layer]


def _combined(score: Score, maps, gradients, weights) -> np.ndarray:
    heat = np.maximum(np.einsum("bhwk,bk->bhw", maps, weights), 0)
    return heat * _space(gradients) if score.detects else heat


def _space(gradients: np.ndarray) -> np.ndarray:
    """Where a map changes the number: the steepest slope of each place as a share of the highest.

    The space maps of Spatial Sensitive Grad-CAM, with the largest magnitude over the channels.
    """
    steepest = np.abs(gradients).max(axis=-1)
    highest = steepest.max(axis=(1, 2), keepdims=True)
    return np.divide(steepest, highest, out=np.zeros_like(steepest), where=highest > 0)
