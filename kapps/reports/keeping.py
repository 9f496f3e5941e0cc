"""Findings in a run folder: what the report of its best epoch shows, with the pictures in it."""

import dataclasses
import json
from collections.abc import Callable, Sequence

import numpy as np

from kapps.errors import DataError
from kapps.files import atomic_write
from kapps.reports.page import data_url
from kapps.runs import Run
from kapps.tasks.findings import Finding, Mark, Overlay, Samples, Scatter, from_plain, to_plain

FILE = "findings.json"
BESIDES = "findings-{}.json"
EDGE = 96  # pixels of a picture in a report, at most
MARKED = 360  # of one with boxes
PAINTED = 240  # of each of the three with a mask
INKS = {"truth": (255, 255, 255), "right": (0, 158, 115), "wrong": (213, 40, 0)}
PLAIN = 32  # pixels up to which a picture is kept exactly


def save(
    run: Run,
    findings: Sequence[Finding],
    pictures: Callable[[Sequence[int]], Sequence[np.ndarray]] | None,
) -> list[Finding]:
    """Write findings into a run folder; returns them with their pictures.

    Args:
        run: the run.
        findings: of its best epoch.
        pictures: gives the pictures of these indices, uint8 (height, width, channels); None where
            there are none.
    """
    found = [_with_pictures(one, pictures) for one in findings]
    with atomic_write(run.path / FILE, "w") as file:
        file.write(json.dumps(to_plain(found), ensure_ascii=False) + "\n")
    return found


def read(run: Run) -> list[Finding] | None:
    """What `save` wrote; None where there is nothing, as in a run of an earlier version."""
    path = run.path / FILE
    return from_plain(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def add(run: Run, kind: str, findings: Sequence[Finding], pictures: Callable | None = None) -> None:
    """Write what was found besides into a run folder, in place of what was found of its kind.

    Args:
        run: the run.
        kind: a word for the file's name.
        findings: what was found.
        pictures: see `save`.
    """
    findings = [_with_pictures(one, pictures) for one in findings]
    with atomic_write(run.path / BESIDES.format(kind), "w") as file:
        file.write(json.dumps(to_plain(findings), ensure_ascii=False) + "\n")


def besides(run: Run) -> list[Finding]:
    """All that `add` wrote."""
    found = []
    for path in sorted(run.path.glob(BESIDES.format("*"))):
        found += from_plain(json.loads(path.read_text(encoding="utf-8")))
    return found


def _with_pictures(one: Finding, pictures: Callable | None) -> Finding:
    if isinstance(one, Scatter):
        return _mapped(one, pictures)
    if not isinstance(one, Samples):
        return one
    bare = [dataclasses.replace(sample, marks=()) for sample in one.samples]
    if pictures is None:
        return dataclasses.replace(one, samples=bare)
    try:
        found = pictures([sample.index for sample in one.samples])
    except DataError:  # gone since they were judged; the captions remain
        return dataclasses.replace(one, samples=bare)
    samples = [
        dataclasses.replace(sample, picture=thumbnail(pixels, sample.marks), marks=())
        for sample, pixels in zip(one.samples, found, strict=True)
    ]
    return dataclasses.replace(one, samples=samples)


def _mapped(one: Scatter, pictures: Callable | None) -> Scatter:
    try:
        found = pictures([point.index for point in one.points]) if pictures else []
    except DataError:  # gone since; the points remain
        found = []
    shown = [thumbnail(pixels) for pixels in found] or [None] * len(one.points)
    points = [
        dataclasses.replace(point, picture=picture)
        for point, picture in zip(one.points, shown, strict=True)
    ]
    return dataclasses.replace(one, points=points)


def thumbnail(pixels: np.ndarray, marks: Sequence[Mark | Overlay] = ()) -> str:
    """A small copy of a picture as a data: address; a larger one with what is drawn on it."""
    from PIL import Image

    if marks and isinstance(marks[0], Overlay):
        return data_url(_painted(pixels, marks[0]), "JPEG")
    if marks:
        return data_url(_marked(pixels, marks), "JPEG")
    if max(pixels.shape[:2]) <= PLAIN:
        return data_url(pixels)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((EDGE, EDGE))
    return data_url(np.asarray(image), "JPEG")


def _painted(pixels: np.ndarray, masks: Overlay) -> np.ndarray:
    """The photo, the truth over it and what was found, side by side."""
    from PIL import Image

    from kapps.segmentation import painting

    photo = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    panes = [photo, painting.over(photo, masks.truth), painting.over(photo, masks.found)]
    scale = PAINTED / max(photo.size)
    size = tuple(max(1, round(side * scale)) for side in photo.size)
    return np.concatenate([np.asarray(pane.resize(size)) for pane in panes], axis=1)


def _marked(pixels: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    from PIL import Image

    from kapps.detection import drawing

    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    scale = max(1.0, MARKED / max(image.size))  # a small input is enlarged, so that lines are thin
    if scale > 1:
        image = image.resize([round(side * scale) for side in image.size])
    boxes = [[x * scale for x in mark.box] for mark in marks]
    image = drawing.draw(image, boxes, [m.text for m in marks], [INKS[m.kind] for m in marks])
    image.thumbnail((MARKED, MARKED))
    return np.asarray(image)
