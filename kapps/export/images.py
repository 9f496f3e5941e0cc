"""Real images to calibrate, verify and judge with, at exactly the model's size."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from kapps.errors import DataError, ExportError

CALIBRATION_IMAGES = 200  # more hardly moves the ranges; fewer than about 50 do
PHOTOS = ("china.jpg", "flower.jpg")  # what scikit-learn brings


@dataclasses.dataclass(frozen=True)
class Images:
    """Decoded images with their labels.

    Attributes:
        pixels: uint8 (count, height, width, channels), RGB in 0..255.
        labels: what answers are judged by: class indices of the model, or of boxes the
            `kapps.detection.judging.Truths`; None when unknown or of another kind.
        where: the data they came from, for the report.
    """

    pixels: np.ndarray
    labels: Any
    where: str

    def __len__(self) -> int:
        return len(self.pixels)


def transform_of(source):
    """The `kapps.data.Transform` by which this model wants its pictures."""
    from kapps.data import Transform

    height, width, channels = source.image_shape
    if channels not in (1, 3):
        raise ExportError(
            f"{source.name} takes {channels} channels; only RGB and grey images can be read, so"
            " its export could not be verified."
        )
    return Transform.from_spec(source.spec, size=(height, width), channels=channels)


def judging(source, uri: str | None) -> str:
    """The data to judge with: what was asked for; of a run, what its own training judged by."""
    from kapps import data

    own = source.data and source.data[0]
    if (
        source.val is None
        or uri not in (None, own)
        or "test" in data.find(own, source.answers.annotation).parts
    ):
        return uri or own
    return source.val


def load(source, uri: str, *, split: str, limit: int, labelled: bool) -> Images:
    """Read images of a data set, evenly spread over its classes.

    Args:
        source: the `kapps.export.source.Source` that they are for.
        uri: as `kapps.data.load` takes it, or a folder of pictures without classes.
        split: "train", "val", "test", "all", or "auto": the part for judging where there is one
            (test, then val), else everything.
        limit: read at most so many.
        labelled: whether the model's answers will be judged by the labels.

    Raises:
        DataError, MissingFileError: there are no such images.
    """
    from kapps import data

    transform = transform_of(source)
    if not labelled and (loose := _loose(uri)):
        return _read(loose, transform, uri, limit)
    validation = source.data[1] if source.data and source.data[0] == uri else 0.2
    annotation = source.answers.annotation
    collection = data.find(uri, annotation)
    if split == "auto":
        parts = collection.parts
        order = ("val", "test") if uri == source.val else ("test", "val")
        split = next((name for name in order if name in parts), "all")
        if split == "all" and source.data and source.data[0] == uri:
            split = "val"  # what this very run was not trained on
    names = source.class_names if labelled else None
    if not labelled and split == "train" and "train" not in collection.parts:
        split = "all"
    dataset = data.load(
        uri,
        annotation=annotation,
        split=split,
        validation=validation,
        transform=transform,
        class_names=names,
        limit=limit,
        cache="none",
    )
    batches = list(dataset)
    pixels = np.concatenate([images for images, _ in batches])
    if not labelled:
        return Images(pixels, None, f"{uri} ({split})")
    outputs = source.answers.count(source.model)
    if source.class_names is None and len(dataset.class_names) > outputs:
        raise DataError(
            f"{uri} has more classes than the {outputs} outputs of {source.name}; give the data"
            " that it was trained on."
        )
    truth = source.answers.truth(dataset, [labels for _, labels in batches])
    return Images(pixels, truth, f"{uri} ({split})")


def photos(source) -> Images:
    """The two photos of scikit-learn in six crops each, for when no data is given.

    Raises:
        ExportError: scikit-learn is not installed.
    """
    from PIL import Image

    try:
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise ExportError(
            "verification needs real images: give --data, or `pip install scikit-learn` for its"
            " two sample photos."
        ) from error
    transform = transform_of(source)
    pixels = []
    for name in PHOTOS:
        photo = Image.fromarray(load_sample_image(name))
        width, height = photo.size
        for left in (0, width // 4, width // 2):
            for top in (0, height // 2):
                box = (left, top, left + width // 2, top + height // 2)
                pixels.append(transform(photo.crop(box)))
    return Images(np.stack(pixels), None, "two photos of scikit-learn")


def _loose(uri: str) -> list[Path]:
    """The picture files right inside a folder that has neither classes nor named files."""
    from kapps.data.folders import FLAT_NAME, SUFFIXES

    kind, colon, rest = str(uri).partition(":")
    path = Path(rest if colon and kind == "folder" else uri).expanduser()
    if not path.is_dir() or any(child.is_dir() for child in path.iterdir()):
        return []
    files = sorted(p for p in path.iterdir() if p.suffix.casefold() in SUFFIXES)
    return [] if any(FLAT_NAME.match(p.name) for p in files) else files


def _read(files: list[Path], transform, uri: str, limit: int) -> Images:
    """Decode pictures that have no class; unreadable ones are left out."""
    from kapps.data.reading import UNREADABLE

    chosen = np.linspace(0, len(files) - 1, min(limit, len(files))).round().astype(int)
    pixels, reason = [], None
    for i in chosen:
        try:
            pixels.append(transform(files[i]))
        except UNREADABLE as error:
            reason = f"{files[i].name}: {error}"
    if not pixels:
        raise DataError(f"none of the {len(chosen)} pictures of {uri} can be read; {reason}")
    return Images(np.stack(pixels), None, str(uri))
