"""Say what is in pictures.

kapps predict holiday.jpg 'photos/*.png' --model runs/photos
"""

import glob
import json
import os
import sys
from collections.abc import Iterator
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
    top: int = setting(5, "classes to name for each picture")
    batch_size: int = setting(32, "pictures at a time")
    tta: str = setting("none", "mean over views: none, flip, crops (five), ten-crops")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[dict]:
    """Say what is in pictures: print the most probable classes, or the numbers, of each.

    Pictures of a folder or a pattern that cannot be read are left out and named on stderr; one that
    was named itself is an error.

    Returns:
        [{"image": path, "predictions": [{"index", "wnid" or None, "label", "score" in 0..1}]}],
        best first; of a regression each prediction has a "value" in its place.

    Raises:
        KappsError, ValueError: no such picture or model, or a picture that cannot be read.
    """
    import numpy as np

    from kapps.applications import _named
    from kapps.data import images
    from kapps.recipes import _predictor, _tta
    from kapps.training import progress

    if settings.top < 1 or settings.batch_size < 1:
        raise ValueError(
            f"top={settings.top}, batch_size={settings.batch_size}: use numbers of at least 1."
        )
    if not settings.images:
        raise ValueError("IMAGES is missing: give files, folders, or patterns.")
    arguments = _named.arguments_of(settings.arguments)
    files = [row for word in settings.images for row in _files(word)]
    for name, named in files:
        if named:  # a model takes seconds to load, and a look at a picture none
            images.check(name)
    predictor = _predictor.load_any(
        settings.model, settings.batch_size, settings.weights, arguments
    )
    predictor = _tta.with_views(predictor, settings.tta)
    results: list[dict] = []

    def classify(names: list[str], pixels: list) -> None:
        answers = predictor.predict(np.stack(pixels))
        for name, answer in zip(names, answers, strict=True):
            results.append({"image": name, "predictions": _best(predictor, answer, settings.top)})

    with progress.bar(f"predicting with {settings.model}", len(files), quiet=True) as advance:
        names, pixels = [], []
        for name, named in files:
            try:
                pixels.append(predictor.transform(name))
                names.append(name)
            except images.ImageError as error:
                if named:
                    raise
                progress.say(f"left out {name}: {error}")
            advance(1)
            if len(names) == settings.batch_size:
                classify(names, pixels)
                names, pixels = [], []
        if names:
            classify(names, pixels)
    if not results:
        raise ValueError(f"none of the {len(files)} pictures could be read; see above.")
    print(json.dumps(results, indent=2, ensure_ascii=False)) if settings.json else _print(
        predictor.task, results
    )
    return results


def _files(word: str) -> Iterator[tuple[str, bool]]:
    """(path, whether the user named this very file) of what a word means."""
    from kapps.data.folders import SUFFIXES
    from kapps.errors import MissingFileError

    path = Path(word).expanduser()
    if path.is_dir():
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        )
        if not found:
            raise MissingFileError(f"the folder {word} holds no pictures; check the path.")
        yield from ((name, False) for name in found)
    elif path.exists():  # also where the name looks like a pattern: holiday[1].jpg
        yield str(path), True
    elif glob.has_magic(word):
        # Not Path.glob, which takes no absolute patterns.
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
        found = sorted(name for name in matches if Path(name).is_file())
        if not found:
            raise MissingFileError(f"no file matches {word!r}; check the pattern.")
        yield from ((name, False) for name in found)
    else:
        raise MissingFileError(f"there is no picture {word}; check the path.")


def _best(predictor, answer, top: int) -> list[dict]:
    return [
        {
            "index": i,
            "wnid": predictor.wnids[i],
            "label": predictor.labels[i],
            predictor.task.answer: float(answer[i]),
        }
        for i in predictor.task.read(answer, top)
    ]


def _print(task, results: list[dict]) -> None:
    from kapps.recipes import _tables

    rows = []
    for result in results:
        name = result["image"]
        for prediction in result["predictions"]:
            rows.append((name, prediction["label"], task.text(prediction[task.answer])))
            name = ""
        if name:  # of several labels none is certain enough
            rows.append((name, "-", "-"))
    _tables.print_table(("image", *task.column), rows)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
