"""Boxes on pictures."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

COLOURS = (  # apart in hue and lightness, also for who sees red as green
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167),
    (230, 159, 0), (86, 180, 233), (120, 94, 240), (240, 228, 66),
)  # fmt: skip


def colour(number: int) -> tuple[int, int, int]:
    """That of a class."""
    return COLOURS[number % len(COLOURS)]


def draw(
    picture: Image.Image,
    boxes: Sequence[Sequence[float]],
    texts: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
) -> Image.Image:
    """A copy of a picture, RGB, with boxes on it.

    Args:
        picture: any.
        boxes: left, top, right, bottom in its pixels.
        texts: written at the upper left corner of each; "" for none.
        colours: of each.
    """
    result = picture.convert("RGB")
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
    return result
