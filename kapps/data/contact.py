"""A contact sheet: pictures of a data set as they are, and what training makes of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kapps.data import annotations, batch_functions, images, moving, reading, splits
from kapps.data import augment as augmentation
from kapps.data.looks import Look
from kapps.data.mosaic import PHOTOS
from kapps.data.placement import Placement
from kapps.data.reading import Reader
from kapps.data.sources import Collection, Source
from kapps.data.transforms import Transform
from kapps.errors import DataError
from kapps.files import atomic_path

VARIANTS = 4  # augmented versions of each picture
CELL = 128  # pixels of the side of a cell
MARKED = 224  # and of one with boxes or a mask
GAP, LINE = 4, 16  # pixels between cells, and of a line of text
PAPER, INK = (255, 255, 255), (30, 30, 30)
TRIES = 10  # pictures looked at for one that can be read


Draw = Callable[[Image.Image, Any], Image.Image]


def write_sheet(
    collection: Collection,
    path: Path,
    augment: Any,
    size: int,
    count: int,
    seed: int = 0,
    draw: Draw | None = None,
) -> list[dict[str, Any]]:
    """Write a contact sheet of the pictures that training sees.

    Args:
        collection: what `kapps.data.find` found.
        path: the picture to write, of any ending that Pillow knows.
        augment: a policy, see `kapps.data.augment.policy`.
        size: pixels of the network's input.
        count: pictures shown, spread over the list and so over the classes.
        seed: of the random numbers of the policy.
        draw: draws boxes or a mask on a picture; it gets (boxes as shares of its width and height
            [n, 4], class numbers [n]), or class numbers [height, width].

    Returns:
        {"image", and "class" or how many "boxes"} of each picture shown.

    Raises:
        DataError: no picture can be read.
        FileWriteError: the sheet cannot be written.
        ValueError: a policy that would leave boxes or masks behind.
    """
    policy = augmentation.policy(augment)
    moving.check(policy, collection.annotation)
    part = "train" if {"train", "all"} & set(collection.parts) else "all"
    source = splits.select(collection, part, 0.0)
    joined = PHOTOS if policy.mosaic else 1
    form = annotations.form(collection, source, len(collection.classes), joined=joined)
    source = source.take(_readable(source, count, form))
    rule = Transform(
        size=size,
        crop_pct=collection.crop_pct,
        crop_mode=collection.crop_mode,
        training=policy.piece,
        **policy.cut,
    )
    look = Look(rule, policy.picture, mosaic=policy.mosaic)
    reader = Reader(source, [look], form, seed, "none", fill=True)
    layers = policy.layers()
    variants = []
    for epoch in range(VARIANTS):
        (pixels,), marks, _ = reader.batch(np.arange(len(source)), epoch)
        pixels, marks = _layered(layers, pixels, marks, form, epoch)
        pixels = batch_functions.apply(policy.functions, pixels, epoch)
        variants.append([(one, _marks_of(marks, i, form, size)) for i, one in enumerate(pixels)])
    rows = [_row(collection, source, i) for i in range(len(source))]
    sheet = _draw(source, rows, variants, form, draw)
    with atomic_path(path) as temporary:
        sheet.save(temporary)
    return rows


def _row(collection: Collection, source: Source, i: int) -> dict[str, Any]:
    """What is said of a picture."""
    label, name = source.labels[i], source.names[i]
    if collection.annotation == "class":
        return {"image": name, "class": collection.classes[label]}
    if collection.annotation == "boxes":
        return {"image": name, "boxes": int((~label.apart).sum())}
    return {"image": name}


def _marks_of(marks: Any, i: int, form: annotations.Form, size: int) -> Any:
    """What `Draw` gets of one picture of a batch; None where nothing is drawn."""
    if form.annotation == "boxes":
        known = marks["labels"][i] >= 0
        return marks["boxes"][i][known] / size, marks["labels"][i][known]
    return marks[i] if form.annotation == "mask" else None


def _readable(source: Source, count: int, form: annotations.Form) -> np.ndarray:
    """Indices of pictures spread over the list; for one that is damaged, the next."""
    chosen: dict[int, None] = {}
    for start in np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int):
        for i in range(start, min(start + TRIES, len(source))):
            try:
                images.open_image(source.items[i], at_least=(CELL, CELL))
                if form.moves:
                    form.prepare(source.labels[i], images.size_of(images.peek(source.items[i])))
            except reading.UNREADABLE:
                continue
            chosen[i] = None
            break
    if not chosen:
        raise DataError("none of the pictures that were to be shown can be read; check the data.")
    return np.array(list(chosen))


def _layered(
    layers: list[Any], pixels: np.ndarray, marks: Any, form: annotations.Form, epoch: int
) -> tuple[np.ndarray, Any]:
    """uint8 [N, H, W, C] after the Keras layers of a policy, and annotations that move with it."""
    if not layers:
        return pixels, marks
    import keras

    if form.moves:
        augmenter = moving.Augmenter(layers, pixels.shape[1:], form.annotation)
        pixels, marks = augmenter.move(pixels, marks, np.int64(epoch))
        return np.asarray(pixels), keras.tree.map_structure(np.asarray, marks)

    changed = pixels.astype(np.float32)
    for layer in layers:
        changed = layer(changed, training=True)
    changed = keras.ops.convert_to_numpy(changed)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8), marks


def _draw(
    source: Source, said: list[dict], variants: list[list], form: annotations.Form, draw_on: Any
) -> Image.Image:
    """Two blocks side by side; in each a row a picture: itself, then its variants."""
    labels = [one.get("class", "") for one in said]
    cell = MARKED if form.moves else CELL
    step, height = cell + GAP, cell + GAP + LINE
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
        picture, marks = images.open_image(source.items[i], at_least=(cell, cell)), None
        if form.moves:
            size_of = images.size_of(images.peek(source.items[i]))
            marks = form.prepare(source.labels[i], size_of)
        shown = [(picture, marks), *(rows[i] for rows in variants)]
        for number, (one, known) in enumerate(shown):
            across = left + number * step + (GAP if number else 0)
            _paste(sheet, images.peek(one), (across, top + LINE), cell, known, draw_on)
    return sheet


def _paste(
    sheet: Image.Image,
    picture: Image.Image,
    place: tuple[int, int],
    cell: int,
    marks: Any,
    draw_on: Draw | None,
) -> None:
    """A whole picture, as large as the cell lets it be, in its middle."""
    share = cell / max(picture.size)
    size = tuple(max(1, round(side * share)) for side in picture.size)
    small = picture.resize(size, Image.Resampling.BICUBIC if share < 2 else 0)
    if marks is not None and draw_on is not None:
        if isinstance(marks, np.ndarray):
            marks = Placement(0, 0, *size).mask(marks, size[::-1])
        small = draw_on(small, marks)
    sheet.paste(small, (place[0] + (cell - size[0]) // 2, place[1] + (cell - size[1]) // 2))


def _fitting(text: str, width: int, draw: ImageDraw.ImageDraw, font: Any) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text}..."
