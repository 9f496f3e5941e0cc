"""Findings as pictures, for viewers that know no SVG."""

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kapps.tasks.findings import Finding, Matrix, Sample, Samples

EDGE = 96  # pixels of a sample
COLUMNS = 6  # of a sheet of samples
LINE = 14  # pixels of a line of text
LETTERS = 16  # of a caption's line
CELL = (18, 40)  # pixels of a matrix's cell, at least and at most
SIDE = 480  # pixels of all cells of a matrix, about
INK, PAPER = (27, 35, 48), (255, 255, 255)
GOOD, BAD = (37, 99, 201), (200, 55, 45)  # the colours of the report


def images(findings: Sequence[Finding]) -> dict[str, tuple[bytes, int, int]]:
    """Those of the findings that are pictures by nature: matrices, and samples with pictures.

    Returns:
        Title -> (a PNG file in RGB, its width, its height).
    """
    found = {}
    for one in findings:
        if isinstance(one, Matrix):
            found[one.title] = _png(matrix(one))
        elif isinstance(one, Samples) and any(sample.picture for sample in one.samples):
            found[one.title] = _png(sheet(one))
    return found


def matrix(one: Matrix) -> Image.Image:
    """Counts as cells, the darker the larger the share of their row; wrong answers in red."""
    counts = np.asarray(one.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = min(max(SIDE // max(len(counts), 1), CELL[0]), CELL[1])
    font = _font(11)
    margin = 8 + max((int(font.getlength(name[:LETTERS])) for name in one.labels), default=0)
    size = margin + cell * len(counts) + 4
    picture = Image.new("RGB", (size, size), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(one.labels):
        middle = margin + cell * i + cell / 2
        draw.text((margin - 6, middle), name[:LETTERS], INK, font, "rm")
        picture.paste(_upright(name[:LETTERS], font, margin - 6), (round(middle) - LINE // 2, 0))
    for (i, j), share in np.ndenumerate(shares):
        x, y = margin + cell * j, margin + cell * i
        # The square root makes a single mistake visible beside thirty right answers.
        strength = math.sqrt(share)
        colour = _blend(GOOD if i == j else BAD, strength)
        draw.rectangle((x, y, x + cell - 2, y + cell - 2), colour)
        if counts[i, j]:
            ink = PAPER if strength > 0.6 else INK
            text = str(counts[i, j]) if counts[i, j] < 1000 else f"{counts[i, j] / 1000:.0f}k"
            draw.text((x + cell / 2 - 1, y + cell / 2 - 1), text, ink, font, "mm")
    return picture


def sheet(one: Samples) -> Image.Image:
    """Samples side by side, each with its caption below it; wrong ones in red."""
    shown = [sample for sample in one.samples if sample.picture]
    rows = math.ceil(len(shown) / COLUMNS)
    width, height = EDGE + 12, EDGE + 2 * LINE + 12
    picture = Image.new("RGB", (width * min(COLUMNS, len(shown)), height * rows), PAPER)
    draw, font = ImageDraw.Draw(picture), _font(11)
    for number, sample in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        x, y = width * column + 6, height * row + 6
        small = _picture(sample)
        picture.paste(small, (x + (EDGE - small.width) // 2, y + (EDGE - small.height) // 2))
        said, _, true = sample.caption.partition(", ")
        ink = INK if sample.right else BAD
        for line, text in enumerate((said, true)):
            place = (x + EDGE / 2, y + EDGE + LINE * line + LINE / 2)
            draw.text(place, text[:LETTERS], ink, font, "mm")
    return picture


def _picture(sample: Sample) -> Image.Image:
    """The picture of a sample at the size of a sheet's; small ones in whole pixels."""
    data = base64.b64decode(sample.picture.partition(",")[2])
    image = Image.open(io.BytesIO(data)).convert("RGB")
    factor = EDGE / max(image.size)
    factor = math.floor(factor) if factor >= 1 else factor
    size = (max(round(image.width * factor), 1), max(round(image.height * factor), 1))
    return image.resize(size, Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX)


def _upright(text: str, font, length: int) -> Image.Image:
    """Text that is read from below."""
    strip = Image.new("RGB", (length, LINE), PAPER)
    ImageDraw.Draw(strip).text((0, LINE / 2), text, INK, font, "lm")
    return strip.rotate(90, expand=True)


def _font(size: int):
    return ImageFont.load_default(size)


def _blend(colour: tuple[int, ...], strength: float) -> tuple[int, ...]:
    share = 0.06 + 0.84 * strength
    return tuple(round(share * c + (1 - share) * p) for c, p in zip(colour, PAPER, strict=True))


def _png(picture: Image.Image) -> tuple[bytes, int, int]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue(), picture.width, picture.height
