"""A contact sheet: pictures of a data set as they are, and what training makes of each."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kapps.data import augment as augmentation
from kapps.data import batch_functions, images, reading, splits
from kapps.data.annotations import Rows
from kapps.data.reading import Look, Reader
from kapps.data.sources import Collection, Source
from kapps.data.transforms import Transform
from kapps.errors import DataError
from kapps.files import atomic_path

VARIANTS = 4  # augmented versions of each picture
CELL = 128  # pixels of the side of a cell
GAP, LINE = 4, 16  # pixels between cells, and of a line of text
PAPER, INK = (255, 255, 255), (30, 30, 30)
TRIES = 10  # pictures looked at for one that can be read


def write_sheet(
    collection: Collection, path: Path, augment: Any, size: int, count: int, seed: int = 0
) -> list[dict[str, str]]:
    """Write a contact sheet of the pictures that training sees.

    Args:
        collection: what `kapps.data.find` found, of annotation "class".
        path: the picture to write, of any ending that Pillow knows.
        augment: a policy, see `kapps.data.augment.policy`.
        size: pixels of the network's input.
        count: pictures shown, spread over the list and so over the classes.
        seed: of the random numbers of the policy.

    Returns:
        {"image", "class"} of each picture shown.

    Raises:
        DataError: no picture can be read.
        FileWriteError: the sheet cannot be written.
    """
    part = "train" if {"train", "all"} & set(collection.parts) else "all"
    source = splits.select(collection, part, 0.0)
    source = source.take(_readable(source, count))
    policy = augmentation.policy(augment)
    rule = Transform(size=size, crop_pct=collection.crop_pct, training=policy.piece, **policy.cut)
    form = Rows("class", (), np.int32)
    reader = Reader(source, [Look(rule, policy.picture)], form, seed, "none", fill=True)
    layers = policy.layers()
    variants = []
    for epoch in range(VARIANTS):
        (pixels,), _, _ = reader.batch(np.arange(len(source)), epoch)
        pixels = _layered(layers, pixels)
        variants.append(batch_functions.apply(policy.functions, pixels, epoch))
    labels = [collection.classes[label] for label in source.labels]
    sheet = _draw(source, labels, variants)
    with atomic_path(path) as temporary:
        sheet.save(temporary)
    return [
        {"image": name, "class": label} for name, label in zip(source.names, labels, strict=True)
    ]


def _readable(source: Source, count: int) -> np.ndarray:
    """Indices of pictures spread over the list; for one that is damaged, the next."""
    chosen: dict[int, None] = {}
    for start in np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int):
        for i in range(start, min(start + TRIES, len(source))):
            try:
                images.open_image(source.items[i], at_least=(CELL, CELL))
            except reading.UNREADABLE:
                continue
            chosen[i] = None
            break
    if not chosen:
        raise DataError("none of the pictures that were to be shown can be read; check the data.")
    return np.array(list(chosen))


def _layered(layers: list[Any], pixels: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] after the Keras layers of a policy."""
    if not layers:
        return pixels
    import keras

    changed = pixels.astype(np.float32)
    for layer in layers:
        changed = layer(changed, training=True)
    changed = keras.ops.convert_to_numpy(changed)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _draw(source: Source, labels: list[str], variants: list[np.ndarray]) -> Image.Image:
    """Two blocks side by side; in each a row a picture: itself, then its variants."""
    step, height = CELL + GAP, CELL + GAP + LINE
    wide = (1 + len(variants)) * step + 3 * GAP
    blocks = 2 if len(labels) > 3 else 1
    rows = -(-len(labels) // blocks)
    sheet = Image.new("RGB", (GAP + blocks * wide, GAP + LINE + rows * height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for block in range(blocks):
        left = GAP + block * wide
        draw.text((left, GAP), "as it is", INK, font)
        draw.text((left + step + GAP, GAP), "as training sees it", INK, font)
    for i, label in enumerate(labels):
        block, row = divmod(i, rows)
        left, top = GAP + block * wide, GAP + LINE + row * height
        name = source.names[i].rpartition("/")[2]
        draw.text((left, top), _fitting(f"{label}  {name}", wide - GAP, draw, font), INK, font)
        picture = images.open_image(source.items[i], at_least=(CELL, CELL))
        _paste(sheet, picture, left, top + LINE)
        for number, pixels in enumerate(variants):
            across = left + (number + 1) * step + GAP
            _paste(sheet, images.peek(pixels[i]), across, top + LINE)
    return sheet


def _paste(sheet: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """A whole picture, as large as the cell lets it be, in its middle."""
    share = CELL / max(picture.size)
    size = tuple(max(1, round(side * share)) for side in picture.size)
    small = picture.resize(size, Image.Resampling.BICUBIC if share < 2 else 0)
    sheet.paste(small, (left + (CELL - size[0]) // 2, top + (CELL - size[1]) // 2))


def _fitting(text: str, width: int, draw: ImageDraw.ImageDraw, font: Any) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text}..."
