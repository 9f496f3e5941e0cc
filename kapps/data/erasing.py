"""Hide a part of a picture: random erasing and cutout.

keras.layers.RandomErasing (Keras 3.15) is another method: its probability is itself drawn, from 0
to `factor`, and its rectangle has no bound on its proportions.
"""

import math

import numpy as np
from PIL import Image

from kapps.data.operations import FILL

FILLS = ("noise", "grey")
TRIES = 100  # of rectangles that may not fit; the paper tries for ever


def erase(
    image: Image.Image,
    rng: np.random.Generator,
    probability: float = 0.25,
    area: tuple[float, float] = (0.02, 0.4),
    ratio: float = 0.3,
    fill: str = "noise",
) -> Image.Image:
    """Erase a rectangle (random erasing, Zhong et al., arXiv:1708.04896).

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        probability: of erasing anything.
        area: least and largest share of the picture that is erased; drawn evenly.
        ratio: least height / width; the largest is 1 / ratio. Drawn evenly between, as in the
            paper's algorithm 1.
        fill: "noise", random values for each pixel, the paper's best; or "grey".

    Returns:
        An image of the same size and mode. In the rare case that no rectangle fits, the same.
    """
    if rng.random() >= probability:
        return image
    width, height = image.size
    for _ in range(TRIES):
        erased = rng.uniform(*area) * width * height
        proportion = rng.uniform(ratio, 1 / ratio)
        tall, wide = round(math.sqrt(erased * proportion)), round(math.sqrt(erased / proportion))
        if 0 < tall < height and 0 < wide < width:
            top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
            return _filled(image, np.s_[top : top + tall, left : left + wide], fill, rng)
    return image


def cutout(
    image: Image.Image,
    rng: np.random.Generator,
    size: float = 0.5,
    probability: float = 1.0,
    fill: str = "grey",
) -> Image.Image:
    """Hide a square, centred anywhere (cutout, DeVries and Taylor, arXiv:1708.04552).

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        size: side of the square as a share of the picture's shorter side; the paper's 16 of 32
            pixels for CIFAR-10. What sticks out is cut off, so that less may be hidden.
        probability: of hiding anything.
        fill: "grey", or "noise".
    """
    if rng.random() >= probability:
        return image
    side = max(1, round(size * min(image.size)))
    top, left = (int(rng.integers(whole)) - side // 2 for whole in (image.height, image.width))
    part = np.s_[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    return _filled(image, part, fill, rng)


def _filled(
    image: Image.Image, part: tuple[slice, slice], fill: str, rng: np.random.Generator
) -> Image.Image:
    pixels = np.array(image)
    shape = pixels[part].shape
    pixels[part] = FILL if fill == "grey" else rng.integers(0, 256, shape, np.uint8)
    return Image.fromarray(pixels)
