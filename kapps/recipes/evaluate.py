"""Measure how often a model is right: classes, numbers, boxes, masks.

kapps evaluate runs/photos --data folder:photos/test
"""

import json
import sys
from dataclasses import dataclass

from kapps.cli.settings import main, setting

SPLITS = ("auto", "train", "val", "test", "all")


@dataclass(frozen=True)
class Settings:
    """What to measure, and on what."""

    model: str = setting(
        help="run folder, .keras, .tflite, bundle, SavedModel, or application", positional=True
    )
    weights: str | None = setting(None, "tag or file of weights, for an application")
    arguments: tuple[str, ...] = setting((), "of an application, such as alpha=0.5")
    vocabulary: tuple[str, ...] = setting(
        (),
        "what an open-vocabulary detector looks for: 'cat,traffic light', or a .npz of embeddings",
    )
    data: str | None = setting(
        None,
        "digits, folder:, csv:, voc:, masks:, tfds:, ... and a path or name; a run knows its own",
    )
    split: str = setting(
        "auto",
        "part of the data; auto: test, else what training held out, else all",
        choices=SPLITS,
    )
    validation: float = setting(0.2, "share of --split val, where the data has no such part")
    limit: int | None = setting(None, "so many images, spread over all")
    batch_size: int = setting(32, "images at a time")
    tta: str = setting("none", "mean over views: none, flip, crops (five), ten-crops")
    corruptions: tuple[str, ...] = setting(
        (), "also with noise, blur, weather and digital damage: all, or names such as fog,snow"
    )
    severities: tuple[int, ...] = setting((1, 2, 3, 4, 5), "of the corruptions, in 1..5")
    json: bool = setting(False, "print JSON instead of tables")


def run(settings: Settings) -> dict:
    """Evaluate a model on labelled images and print the result.

    Returns:
        What the task says, "images" among it, and "skipped", "model", "data", "split". Of a
        classifier {"top1", "top5", "loss", "images", "per_class", "confusion"}. Shares are in
        0..1; `loss` is the mean of -log p. `per_class` has {"index", "wnid", "label", "images",
        "top1"} for each class that occurs; `confusion` has "labels" and the "matrix" of counts
        [true][predicted] for the classes that occur or were predicted; `skipped` has {"image",
        "reason"}. Of a detector {"map", "map50", "map75", "recall", "images", "boxes",
        "per_class"}, COCO's numbers in pixels of the photos, where `per_class` has {"index",
        "label", "boxes", "map", "map50", "recall"}; docs/detection.md says what masks and joints
        add. Of a segmenter {"miou", "pixel_accuracy", "dice", "boundary_iou", "images",
        "per_class"} in pixels of its input, where `per_class` has
        {"index", "label", "pixels", "iou", "dice", "accuracy", "boundary_iou"}.

        With `corruptions` also "corruptions", see `kapps.recipes._robustness.measure`, which the
        report of a run shows from then on.

    Raises:
        KappsError, ValueError: no such model, data or corruption, or classes that do not match by
            name.
    """
    from kapps import data
    from kapps.applications import named
    from kapps.recipes import _predictor, _robustness, _tta
    from kapps.tasks import scoring
    from kapps.training import progress

    named.is_path(settings.model)  # a missing file is said first, then missing data
    uri, split, validation = _what(settings)
    names = _robustness.names_of(settings.corruptions)
    if not settings.severities or not all(1 <= s <= 5 for s in settings.severities):
        raise ValueError(f"severities={settings.severities} are not numbers of 1 to 5.")
    predictor = _predictor.load_any(
        settings.model,
        settings.batch_size,
        settings.weights,
        named.arguments_of(settings.arguments),
        settings.vocabulary,
    )
    predictor = _tta.with_views(predictor, settings.tta)
    task = predictor.task
    dataset = data.load(
        uri,
        annotation=task.annotation,
        split=split,
        validation=validation,
        size=None,
        transform=predictor.transform,
        class_names=predictor.class_names,
        batch_size=settings.batch_size,
        limit=settings.limit,
    )
    if predictor.class_names is None and len(dataset.class_names) != len(predictor.labels):
        raise ValueError(
            f"{settings.model} has {len(predictor.labels)} outputs without names and {uri} has "
            f"{len(dataset.class_names)} classes; give a run folder or a bundle, which have labels."
        )
    with progress.bar(f"evaluating {settings.model}", dataset.images) as advance:
        answers, annotations = scoring.predict_batches(
            predictor.predict, dataset, settings.batch_size, advance
        )
    truth = task.truth(dataset, annotations)
    result = {
        **task.evaluate(answers, truth, predictor.labels, predictor.wnids),
        "skipped": [{"image": name, "reason": reason} for name, reason in dataset.skipped],
        "model": settings.model,
        "data": uri,
        "split": split,
    }
    if names:
        first = task.metrics[0].name
        clean = task.measure(answers, truth)[first]
        count = len(names) * len(settings.severities)
        with progress.bar("corrupting the pictures", count * dataset.images) as advance:
            result["corruptions"] = _robustness.measure(
                predictor, dataset, names, settings.severities, settings.batch_size, clean, advance
            )
        _keep(settings.model, _robustness.table(result["corruptions"], uri))
    print(json.dumps(result, indent=2, ensure_ascii=False)) if settings.json else _print(
        task, result
    )
    return result


def _keep(model: str, table) -> None:
    """Let the report of a run show a table; of other models nothing is kept."""
    from pathlib import Path

    from kapps import runs
    from kapps.reports import keeping, run_page

    if (Path(model) / runs.SETTINGS).is_file():
        run = runs.Run.open(model)
        keeping.add(run, "corruptions", [table])
        run_page.write(run)


def _what(settings: Settings) -> tuple[str, str, float]:
    """Address of the data, split and share: what is said, else what the run held out."""
    from pathlib import Path

    from kapps import data, runs, tasks
    from kapps.data.splits import judging_part

    folder = Path(settings.model)
    folder = folder if folder.is_dir() else folder.parent
    is_run = (folder / runs.SETTINGS).is_file()
    trained = runs.Run.open(folder).settings if is_run else {}
    uri = settings.data or trained.get("data")
    held = trained.get("val")  # the data set that the training was judged by
    if uri is None:
        raise ValueError("data=None: say what to evaluate on, such as --data folder:photos.")
    spec = folder / "spec.json"  # of a run or a bundle
    known = json.loads(spec.read_text("utf-8")) if spec.is_file() else {}
    annotation = known.get("annotation")
    if annotation is None:
        annotation = tasks.find(tasks.of_model(settings.model)).annotation
    found = data.find(uri, annotation)
    own = uri == trained.get("data")
    validation = trained["validation"] if own else settings.validation
    split = settings.split
    wants_held = split == "val" or (split == "auto" and "test" not in found.parts)
    if held and ((own and wants_held) or (uri == held and split in ("auto", "val"))):
        return held, judging_part(data.find(held, annotation)), validation
    if split == "auto":
        is_held = own and (validation or "val" in found.parts)
        split = "test" if "test" in found.parts else "val" if is_held else "all"
    return uri, split, validation


def _print(task, result: dict) -> None:
    from kapps.recipes import _tables

    first, *others = task.tables(result)
    names = tuple(result[name] for name in ("model", "data", "split"))
    columns = ("model", "data", "split", *first.columns)
    _tables.print_table(columns, [(*names, *first.rows[0])])
    for table in others:
        _tables.print_table(table.columns, table.rows, title=table.title)
    if "corruptions" in result:
        from kapps.recipes import _robustness

        table = _robustness.table(result["corruptions"], result["data"])
        _tables.print_table(table.columns, table.rows, title=table.text)
    for row in result["skipped"]:
        print(f"left out {row['image']}: {row['reason']}")


if __name__ == "__main__":
    sys.exit(main(Settings, run))
