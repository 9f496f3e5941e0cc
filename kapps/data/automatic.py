"""Policies found or drawn by a machine: AutoAugment, TrivialAugment and AugMix, on Pillow.

Each picture has its own draw. keras.layers.AugMix draws one mixture for a whole batch, and chooses
its operations with Python's `random` when tf.data traces it: the same ones in every batch of a run.
"""

import numpy as np
from PIL import Image

from kapps.data import operations as ops

# AutoAugment's policy for ImageNet (Cubuk et al., arXiv:1805.09501, table 9): of each pair, each
# operation with its probability and its level, 0..9 (None: it has no strength).
AUTOAUGMENT = (
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("auto_contrast", 0.6, None)),
    (("equalize", 0.8, None), ("equalize", 0.6, None)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, None), ("solarize", 0.2, 4)),
    (("equalize", 0.4, None), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, None)),
    (("posterize", 0.8, 5), ("equalize", 1.0, None)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, None), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, None)),
    (("equalize", 0.0, None), ("equalize", 0.8, None)),
    (("invert", 0.6, None), ("equalize", 1.0, None)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, None)),
    (("shear_x", 0.6, 5), ("equalize", 1.0, None)),
    (("color", 0.4, 0), ("equalize", 0.6, None)),
    (("equalize", 0.4, None), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("auto_contrast", 0.6, None)),
    (("invert", 0.6, None), ("equalize", 1.0, None)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, None), ("equalize", 0.6, None)),
)
LEVELS = 9  # the highest of AutoAugment's

STANDARD = ops.table()
# TrivialAugment's ranges "Wide" (Müller and Hutter, arXiv:2103.10158, table 1 of the appendix), in
# 31 strengths.
WIDE = {
    name: one
    for name, one in ops.table(rotate=135, shear=0.99, pixels=32, enhance=0.99, bits=(8, 2)).items()
    if name != "invert"
}
STRENGTHS = 30
# AugMix leaves out what the corruptions of ImageNet-C contain, since it is judged by them
# (Hendrycks et al., arXiv:1912.02781, section 3).
AUGMIX_NAMES = (
    "auto_contrast", "equalize", "posterize", "rotate", "solarize",
    "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip
AUGMIX = {
    name: one
    for name, one in ops.table(translate=1 / 3, bits=(4, 0)).items()
    if name in AUGMIX_NAMES
}


def autoaugment(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Apply one of the 25 pairs of AutoAugment's policy for ImageNet.

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.

    Returns:
        An image of the same size and mode.
    """
    for name, probability, level in AUTOAUGMENT[rng.integers(len(AUTOAUGMENT))]:
        applied, sign = rng.random() < probability, 1 if rng.random() < 0.5 else -1
        operation = STANDARD[name]
        if applied:
            image = operation(image, level_strength(operation, level, sign))
    return image


def level_strength(operation: ops.Operation, level: int | None, sign: int = 1) -> float:
    """The strength in [-1, 1] that a level of AutoAugment means.

    The ten levels divide the range of table 6 evenly: color at level 0 is the factor 0.1, nearly
    grey, and at 9 it is 1.9; solarize at level 9 inverts nothing. (torchvision counts every
    strength from "nothing" at level 0, which is another policy.)
    """
    share = (level or 0) / LEVELS
    strengths = {"signed": sign * share, "enhance": 2 * share - 1, "inverse": 1 - share, "": 0.0}
    return strengths[operation.leveled]


def trivialaugment(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Apply one operation with one strength, both drawn evenly: TrivialAugment, ranges "Wide".

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.

    Returns:
        An image of the same size and mode.
    """
    operation = list(WIDE.values())[rng.integers(len(WIDE))]
    strength = rng.integers(STRENGTHS + 1) / STRENGTHS
    sign = 1 if rng.random() < 0.5 else -1
    return operation(image, sign * strength)


def augmix(
    image: Image.Image,
    rng: np.random.Generator,
    severity: float = 3.0,
    width: int = 3,
    depth: int = 3,
    alpha: float = 1.0,
) -> Image.Image:
    """Mix a picture with chains of changes of itself: AugMix, without its consistency loss.

    The result is (1 - m) image + m (w1 chain1 + w2 chain2 + ...), m from Beta(alpha, alpha) and the
    weights w, which sum to 1, from Dirichlet(alpha, ..., alpha).

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        severity: the strengths are even in 0.1..severity tenths.
        width: how many chains.
        depth: the longest chain; each has 1..depth operations.
        alpha: of the two distributions.

    Returns:
        An image of the same size and mode.
    """
    pixels = np.asarray(image, np.float32)
    weights, share = rng.dirichlet([alpha] * width), rng.beta(alpha, alpha)
    mixed, rows = np.zeros_like(pixels), list(AUGMIX.values())
    for weight in weights:
        chain = image
        for choice in rng.integers(len(rows), size=rng.integers(1, depth + 1)):
            strength, sign = rng.uniform(0.1, severity) / 10, 1 if rng.random() < 0.5 else -1
            chain = rows[choice](chain, sign * strength)
        mixed += np.float32(weight) * np.asarray(chain, np.float32)
    mixed = (1 - share) * pixels + share * mixed
    return Image.fromarray(np.rint(mixed).clip(0, 255).astype(np.uint8))
