"""Which anchors are learnt from, where most are background."""

import keras
from keras import ops

from kapps.detection.matching import Matches


def hard_negatives(losses, matches: Matches, ratio=3.0, least=0):
    """The background that costs most, `ratio` times as many as there are positives in the image.

    Source: SSD (Liu et al., 2016, arXiv:1512.02325), section 2.2, "hard negative mining".

    Args:
        losses: (batch, A), of the classes.
        matches: of the anchors.
        ratio: negatives for each positive.
        least: negatives of an image without positives; the paper has none.

    Returns:
        (batch, A) bool.
    """
    negative = ops.logical_not(ops.logical_or(matches.positive, matches.ignored))
    cost = ops.where(negative, ops.stop_gradient(ops.cast(losses, "float32")), -1.0)
    number = ratio * ops.sum(ops.cast(matches.positive, "float32"), axis=1, keepdims=True)
    rank = ops.argsort(ops.argsort(-cost, axis=1), axis=1)
    chosen = ops.cast(rank, "float32") < ops.maximum(number, float(least))
    return ops.logical_and(chosen, negative)


def balanced(matches: Matches, count=256, share=0.5, seed=None):
    """So many anchors of each image by chance, at most a share of them positive.

    Source: Faster R-CNN (Ren et al., 2015, arXiv:1506.01497), section 3.1.3: 256 and a half; of
    regions 512 and a quarter.

    Args:
        matches: of the anchors, of which ignored ones are never chosen.
        count: in all; an image without enough positives gets background in their place.
        share: of the positives.
        seed: a `keras.random.SeedGenerator` or a whole number.

    Returns:
        (positive, negative), each (batch, A) bool.
    """
    positive = matches.positive
    negative = ops.logical_not(ops.logical_or(positive, matches.ignored))
    chance = keras.random.uniform(ops.shape(positive), 0.0, 1.0, dtype="float32", seed=seed)
    most = max(int(count * share), 1)
    found = _first(chance, positive, ops.full_like(positive[:, 0], most, dtype="int32"), most)
    rest = count - ops.sum(ops.cast(found, "int32"), axis=1)
    return found, _first(chance, negative, rest, count)


def _first(chance, allowed, number, most: int):
    """(batch, A) bool: the `number` (batch,) <= `most` that are allowed and have most chance."""
    most = min(most, allowed.shape[1])
    chance = ops.where(allowed, chance, -1.0)
    highest = ops.top_k(chance, most)[0]
    place = ops.clip(number, 1, most)[:, None] - 1
    last = ops.take_along_axis(highest, place, axis=1)
    return ops.logical_and(allowed, ops.logical_and(chance >= last, number[:, None] > 0))
