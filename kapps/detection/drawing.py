"""Boxes on pictures, and masks and points of what is in them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLOURS = (  # apart in hue and lightness, also for who sees red as green
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167),
    (230, 159, 0), (86, 180, 233), (120, 94, 240), (240, 228, 66),
)  # fmt: skip
SHADE = 0.45  # how much of a pixel within a mask is its colour


def colour(number: int) -> tuple[int, int, int]:
    """That of a class."""
    return COLOURS[number % len(COLOURS)]


def draw(
    picture: Image.Image,
    boxes: Sequence[Sequence[float]],
    texts: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
    masks: Sequence[np.ndarray] = (),
    points: Sequence[Sequence[Sequence[float]]] = (),
) -> Image.Image:
    """A copy of a picture, RGB, with boxes on it.

    Args:
        picture: any.
        boxes: left, top, right, bottom in its pixels.
        texts: written at the upper left corner of each; "" for none.
        colours: of each.
        masks: of each (height, width) of the picture, bool. points: of each rows of x, y, ...
    """
    pixels = np.array(picture.convert("RGB"))
    for mask, shade in zip(masks, colours, strict=bool(masks)):
        pixels[mask] = (1 - SHADE) * pixels[mask] + SHADE * np.array(shade)
    result = Image.fromarray(pixels)
    brush = ImageDraw.Draw(result)
    width = max(1, round(max(result.size) / 300))
    font = ImageFont.load_default(max(8, round(max(result.size) / 45)))
    for box, text, shade in zip(boxes, texts, colours, strict=True):
        left, top, right, bottom = box
        brush.rectangle((left, top, max(right, left), max(bottom, top)), outline=shade, width=width)
        if text:
            _, _, wide, tall = brush.textbbox((0, 0), text, font=font)
            x = min(max(left, 0), max(result.width - wide - 4, 0))
            y = top - tall - 3 if top >= tall + 3 else top
            brush.rectangle((x, y, x + wide + 4, y + tall + 3), fill=shade)
            ink = (0, 0, 0) if sum(shade) > 450 else (255, 255, 255)
            brush.text((x + 2, y + 1), text, fill=ink, font=font)
    for one, shade in zip(points, colours, strict=bool(points)):
        for x, y, *_ in one:
            dot = (x - 2 * width, y - 2 * width, x + 2 * width, y + 2 * width)
            brush.ellipse(dot, fill=shade, outline=(255, 255, 255))
    return result
