"""Say what is in pictures.

kapps predict holiday.jpg 'photos/*.png' --model runs/photos
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting


@dataclass(frozen=True)
class Settings:
    """Which pictures, and who says it."""

    images: tuple[str, ...] = setting(
        help="files, folders, or patterns such as 'photos/*.jpg'", positional=True
    )
    model: str = setting(
        "EfficientNetLite0", "run folder, .keras, .tflite, bundle, SavedModel, or application"
    )
    weights: str | None = setting(None, "tag or file of weights, for an application")
    arguments: tuple[str, ...] = setting((), "of an application, such as alpha=0.5")
    vocabulary: tuple[str, ...] = setting(
        (),
        "what an open-vocabulary detector looks for: 'cat,traffic light', or a .npz of embeddings",
    )
    top: int = setting(5, "classes to name for each picture")
    threshold: float | None = setting(None, "least score of what is named or found; by task")
    save_images: str | None = setting(
        None, "folder for the photos with boxes or masks, and index PNGs", metavar="DIR"
    )
    batch_size: int = setting(32, "pictures at a time")
    tta: str = setting("none", "mean over views: none, flip, crops (five), ten-crops")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[dict]:
    """Say what is in pictures: the most probable classes, the numbers, or the boxes of each.

    Pictures of a folder or a pattern that cannot be read are left out and named on stderr; one that
    was named itself is an error.

    Returns:
        [{"image": path, "predictions": [{"index", "wnid" or None, "label", "score" in 0..1}]}],
        best first; of a regression each prediction has a "value" in its place. Of a detector
        [{"image": path, "detections": [{"label", "index", "score", "box"}]}], `box` the left, top,
        right and bottom edge in pixels of the photo; also "mask" (run lengths) or "keypoints" of
        networks that say them. Of a segmenter [{"image": path, "classes":
        [{"label", "index", "share" of the photo}], "mask": an index PNG of the photo's size, as a
        data: address or, with save_images, the path of its file}].

    Raises:
        KappsError, ValueError: no such picture or model, or a picture that cannot be read.
    """
    import numpy as np

    from kapps.applications import named
    from kapps.data import images
    from kapps.recipes import _photos, _predictor, _tta
    from kapps.training import progress

    if settings.top < 1 or settings.batch_size < 1:
        raise ValueError(
            f"top={settings.top}, batch_size={settings.batch_size}: use numbers of at least 1."
        )
    arguments = named.arguments_of(settings.arguments)
    files = _photos.find(settings.images)
    given = {} if settings.threshold is None else {"threshold": settings.threshold}
    predictor = _predictor.load_any(
        settings.model,
        settings.batch_size,
        settings.weights,
        arguments,
        settings.vocabulary,
        **given,
    )
    predictor = _tta.with_views(predictor, settings.tta)
    task = predictor.task
    if settings.save_images is not None and not task.draws:
        raise ValueError(
            f"save_images={settings.save_images}: what {settings.model} answers is not drawn on "
            "photos; drop it."
        )
    results: list[dict] = []

    def answer(names: list[str], pixels: list, places: list) -> None:
        answers = predictor.predict(np.stack(pixels))
        for name, one, place in zip(names, answers, places, strict=True):
            said = task.say(one, predictor.labels, predictor.wnids, settings.top, place)
            results.append({"image": name, **said})

    with progress.bar(f"predicting with {settings.model}", len(files), quiet=True) as advance:
        names, pixels, places = [], [], []
        for name, by_name in files:
            try:
                picture = images.peek(name)
                size = images.size_of(picture)
                seen, placement = predictor.transform.place(picture)
                pixels.append(seen)
                places.append((placement, size))
                names.append(name)
            except images.ImageError as error:
                if by_name:
                    raise
                progress.say(f"left out {name}: {error}")
            advance(1)
            if len(names) == settings.batch_size:
                answer(names, pixels, places)
                names, pixels, places = [], [], []
        if names:
            answer(names, pixels, places)
    if not results:
        raise ValueError(f"none of the {len(files)} pictures could be read; see above.")
    if settings.save_images is not None:
        _save(task, results, Path(settings.save_images))
    print(json.dumps(results, indent=2, ensure_ascii=False)) if settings.json else _print(
        predictor.task, results
    )
    return results


def _save(task, results: list[dict], folder: Path) -> None:
    """The photos with their answers; of two of one name the second gets a number."""
    from kapps.data import images
    from kapps.recipes import _photos

    folder.mkdir(parents=True, exist_ok=True)
    stems = _photos.stems([result["image"] for result in results])
    for result, stem in zip(results, stems, strict=True):
        task.keep(images.decode(images.peek(result["image"]), 3), result, folder / stem)


def _print(task, results: list[dict]) -> None:
    from kapps.recipes import _tables

    rows = []
    for result in results:
        name = result["image"]
        for line in task.lines(result):
            rows.append((name, *line))
            name = ""
        if name:  # of several labels none is certain enough, or nothing was found
            rows.append((name, *("-" for _ in task.column)))
    _tables.print_table(("image", *task.column), rows)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
