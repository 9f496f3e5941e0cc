"""What training sees of a picture: a random piece, or all of it, smaller or beside the middle.

A piece is cut by `kapps.data.pieces`, several times faster than the rule for evaluation resizes and
nearly the same.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kapps.data import box_pieces, images, pieces
from kapps.data.placement import Placement

if TYPE_CHECKING:
    from kapps.data.transforms import Transform


def draw(
    rule: "Transform",
    image: images.ImageSource,
    rng: np.random.Generator,
    boxes: np.ndarray | None = None,
) -> tuple[np.ndarray, Placement]:
    """What training sees this time, and where the picture lies in it.

    Args:
        rule: says what may be seen, and in which ranges.
        image: see `Transform.place`.
        rng: what is random is drawn from it.
        boxes: [N, 4], of the picture, as shares of its width and height, for `overlaps`.

    Returns:
        (uint8 [height, width, channels], placement).
    """
    if rule.out > 1 and rng.random() < 0.5:
        return on_background(rule, image, rng)
    if rule.zoom:
        return letterbox(rule, image, rng)
    return piece_of(rule, image, rng, boxes)


def letterbox(
    rule: "Transform", image: images.ImageSource, rng: np.random.Generator
) -> tuple[np.ndarray, Placement]:
    """The whole picture in its proportions, larger or smaller and beside the middle."""
    (height, width), full = rule.size, pieces.opened(image, rule.channels)[1]
    share = min(width / full[0], height / full[1]) * rng.uniform(*rule.zoom)
    x, y = rng.uniform(-rule.shift, rule.shift, 2) * (width, height)
    x, y = x + (width - share * full[0]) / 2, y + (height - share * full[1]) / 2
    left, right = x, x + share * full[0]
    if rule.flip and rng.random() < 0.5:
        left, right = right, left
    placement = Placement(left, y, right, y + share * full[1])
    paper, window = rule.paper(), (0, 0, width, height)
    return paper, pieces.paste(paper, image, placement, window, rule.interpolation)


def on_background(
    rule: "Transform", image: images.ImageSource, rng: np.random.Generator
) -> tuple[np.ndarray, Placement]:
    """The whole picture somewhere on a larger background: things become small."""
    height, width = rule.size
    pixels = images.decode(images.peek(image), rule.channels)
    share = 1 / rng.uniform(1.0, rule.out)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    left = int(rng.integers(0, width - size[0] + 1))
    top = int(rng.integers(0, height - size[1] + 1))
    paper = Image.new("RGB", (width, height), rule.fill).convert(pixels.mode)
    paper.paste(rule.resized(pixels, size), (left, top))
    found, right = images.to_pixels(paper), left + size[0]
    if rule.flip and rng.random() < 0.5:
        found, left, right = pieces.mirror(found), width - left, width - right
    return found, Placement(left, top, right, top + size[1])


def piece_of(
    rule: "Transform",
    image: images.ImageSource,
    rng: np.random.Generator,
    boxes: np.ndarray | None = None,
) -> tuple[np.ndarray, Placement]:
    """A random piece of the picture, mirrored or not."""
    picture, full = pieces.opened(image, rule.channels)
    if rule.overlaps and boxes is not None:
        piece = box_pieces.choose(*full, boxes, rule.overlaps, rng)
    else:
        piece = choose(rule, *full, rng)
    flip = rule.flip and rng.random() < 0.5
    return pieces.cut(picture, full, piece, rule.size, rule.channels, rule.interpolation, flip)


def choose(
    rule: "Transform", width: int, height: int, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, width and height of a random piece (Inception, arXiv:1409.4842, section 6)."""
    if rule.shorter is not None:
        # As large as the network's input is in the picture resized to that shorter side.
        share = min(width / rule.size[1], height / rule.size[0]) / rng.uniform(*rule.shorter)
        piece_height, piece_width = (max(1, round(side * share)) for side in rule.size)
        left = int(rng.integers(0, width - piece_width + 1))
        top = int(rng.integers(0, height - piece_height + 1))
        return left, top, piece_width, piece_height
    for _ in range(10):
        area = width * height * rng.uniform(*rule.scale)
        ratio = math.exp(rng.uniform(math.log(rule.ratio[0]), math.log(rule.ratio[1])))
        piece_width, piece_height = (
            round(math.sqrt(area * ratio)),
            round(math.sqrt(area / ratio)),
        )
        if 0 < piece_width <= width and 0 < piece_height <= height:
            left = int(rng.integers(0, width - piece_width + 1))
            top = int(rng.integers(0, height - piece_height + 1))
            return left, top, piece_width, piece_height
    # A panorama: the largest central piece of an allowed ratio.
    ratio = min(max(width / height, rule.ratio[0]), rule.ratio[1])
    piece_width = max(1, min(width, round(height * ratio)))
    piece_height = max(1, min(height, round(width / ratio)))
    return (width - piece_width) // 2, (height - piece_height) // 2, piece_width, piece_height
