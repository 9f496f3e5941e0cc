"""Milliseconds, megabytes, operations, memory and accuracy of a model.

kapps benchmark bundle
kapps benchmark bundle --against other.tflite --data folder:photos
kapps benchmark ResNet50 --train --against timm/resnet50

Each model runs in a process of its own; two are timed in turns, so that a busy moment of the
machine meets both.
"""

import json as _json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.recipes import _steps

ROW = ("model", "format", "ms", "ms_low", "ms_high", "mb", "operators", "macs")
ROW += ("memory_mb", "added_mb", "top1", "images")
WHAT = "bundle, .tflite, .onnx, SavedModel, run folder, .keras file or application"


@dataclass(frozen=True)
class Settings:
    """What `kapps benchmark` can be told."""

    model: str = setting(help=WHAT, positional=True)
    weights: str | None = setting(None, "tag or file of weights, for an application")
    arguments: tuple[str, ...] = setting((), "of an application, such as alpha=0.5")
    against: str | None = setting(None, "a second model, timed in turns with the first")
    data: str | None = setting(None, "labelled images, to measure accuracy too", metavar="DATA")
    rounds: int = setting(20, "turns of each model, about 0.15 s long")
    threads: int = setting(1, "threads of one inference (.tflite and .onnx)")
    max_images: int = setting(1000, "measure accuracy on at most so many images")
    train: bool = setting(False, "time a training step of an application too", group="training")
    batch_size: int = setting(16, "images of such a step", group="training")
    size: int | None = setting(None, "height and width in pixels; its own", group="training")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> dict:
    """Measure and print.

    Returns:
        {"models": one dict a model, "against": comparison or None}. A model: "model", "format",
        "ms" (median an image), "ms_low", "ms_high" (quartiles), "mb" (10^6 bytes), "operators",
        "macs", "memory_mb" (peak of its process), "added_mb" (of it, since before the model was
        loaded), "top1" or the first metric of another task, "images"; None where unknown. A
        comparison: "ratio" (first / second, median over the turns), "low", "high" (quartiles). With
        train=True see `kapps.recipes._steps.measure`.

    Raises:
        KappsError, ValueError: a model or the data cannot be used.
    """
    from kapps import data, tasks
    from kapps.applications import named
    from kapps.models import timing

    if settings.rounds < 1 or settings.threads < 1:
        name = "rounds" if settings.rounds < 1 else "threads"
        raise ValueError(f"{name}={getattr(settings, name)} is not possible; give 1 or more.")
    if settings.train:
        return _steps.measure(settings)
    if settings.size is not None or settings.batch_size != Settings.batch_size:
        raise ValueError("size and batch_size belong to a training step; add train=True.")
    names = [settings.model, *([settings.against] if settings.against else [])]
    own = _own(settings)
    if settings.data:  # before minutes of timing
        data.find(settings.data, tasks.find(tasks.of_model(settings.model)).annotation)
    for name in names:
        _check(name)
    if timing.kind_of(settings.model) != "keras" or Path(settings.model).exists():
        named.refuse_for_path(settings.model, **own)
    elif any(own.values()):
        named.bound(settings.model, **own)  # says at once what the child would say late
    print(f"timing {' and '.join(names)}", file=sys.stderr, flush=True)
    timings = timing.alternate(names, rounds=settings.rounds, threads=settings.threads, **own)
    models = [_row(name, t) for name, t in zip(names, timings, strict=True)]
    if own["arguments"]:
        models[0]["macs"] = None  # the table knows those of the default arguments
    if settings.data:
        for name, model in zip(names, models, strict=True):
            given = own if model is models[0] else {}
            model |= _accuracy(name, settings, **given)
    comparison = None
    if settings.against:
        pairs = zip(timings[0].rounds, timings[1].rounds, strict=True)
        low, middle, high = _steps.quartiles([a / b for a, b in pairs])
        comparison = {"ratio": middle, "low": low, "high": high}
    result = {"models": models, "against": comparison}
    if settings.json:
        print(_json.dumps(result, indent=2))
    else:
        _print(result)
    return result


def _own(settings: Settings) -> dict:
    """What the first model is given, as keyword arguments."""
    from kapps.applications import named

    return {"weights": settings.weights, "arguments": named.arguments_of(settings.arguments)}


def _check(name: str) -> None:
    """Refuse early what a child process would refuse late."""
    from kapps import applications
    from kapps.models import sources

    if Path(name).exists() or name in applications.APPLICATIONS:
        return
    sources.refuse_missing(name, WHAT)
    applications.get(name)  # says what it could have been


def _row(name: str, timing) -> dict:
    """The measurements of one model as plain values."""
    from kapps import applications
    from kapps.models import timing as timings

    low, middle, high = _steps.quartiles(timing.rounds)
    kind = timings.kind_of(name)
    row = {
        "model": name,
        "format": timing.facts.get("backend", kind),
        "ms": middle,
        "ms_low": low,
        "ms_high": high,
        "mb": None,
        "operators": None,
        "macs": None,
        "memory_mb": _megabytes(timing.memory),
        "added_mb": _megabytes(timing.added),
        "top1": None,
        "images": None,
    }
    path = Path(name)
    if kind == "litert":
        from kapps.export import flatbuffer, litert

        contents = flatbuffer.parse(litert.read(path)[0])
        row |= {"operators": len(contents.operators), "macs": contents.macs()}
        row["mb"] = contents.bytes / 1e6
    elif kind == "exported":
        from kapps.export import bundle

        row["format"] = "onnx" if list(path.glob("*.onnx")) or path.is_file() else "saved_model"
        row["mb"] = bundle.size_of(path) / 1e6
    elif path.exists():
        files = [path] if path.is_file() else list(path.glob("best.keras"))
        row["mb"] = sum(file.stat().st_size for file in files) / 1e6
    else:
        known = name in applications.APPLICATIONS
        row["macs"] = applications.facts(name)["macs"] if known else None
        row["mb"] = 4 * timing.facts["parameters"] / 1e6  # float32, as a file would hold them
    return row


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / 1e6


def _accuracy(
    name: str, settings: Settings, weights: str | None = None, arguments: dict | None = None
) -> dict:
    """{"top1" or the name of another metric: in [0, 1], "images"} on the labelled data."""
    from kapps import data
    from kapps.recipes import _predictor
    from kapps.tasks import scoring
    from kapps.training import progress

    predictor = _predictor.load_any(name, weights=weights, arguments=arguments)
    task = predictor.task
    parts = data.find(settings.data, task.annotation).parts
    dataset = data.load(
        settings.data,
        annotation=task.annotation,
        split=next((part for part in ("test", "val") if part in parts), "all"),
        transform=predictor.transform,
        class_names=predictor.class_names,
        limit=settings.max_images,
    )
    with progress.bar(f"judging {name}", dataset.images) as advance:
        rows, labels = scoring.predict_batches(
            predictor.predict, dataset, dataset.batch_size, advance
        )
    found = task.evaluate(rows, task.truth(dataset, labels), predictor.labels, predictor.wnids)
    metric = "top1" if "top1" in found else task.metrics[0].name
    return {metric: found[metric], "images": found["images"]}


def _print(result: dict) -> None:
    from kapps.recipes import _tables

    columns = ("model", "format", ">ms", ">quartiles", ">MB", ">operators", ">MACs")
    known = {"top1": "top-1"}
    rest = [key for row in result["models"] for key in row if key not in ROW] or ["top1"]
    metric = rest[0]
    columns += (">memory MB", ">of it model", f">{known.get(metric, metric)} %")
    rows = [
        (
            row["model"],
            row["format"],
            f"{row['ms']:.2f}",
            f"{row['ms_low']:.2f} to {row['ms_high']:.2f}",
            _number(row["mb"], ".2f"),
            _number(row["operators"], "d"),
            "-" if row["macs"] is None else _tables.count(row["macs"]),
            _number(row["memory_mb"], ".0f"),
            _number(row["added_mb"], ".0f"),
            _tables.percent(row.get(metric)),
        )
        for row in result["models"]
    ]
    _tables.print_table(columns, rows)
    if comparison := result["against"]:
        first, second = (row["model"] for row in result["models"])
        print(
            f"{first} takes {comparison['ratio']:.2f} times as long as {second}"
            f" (quartiles {comparison['low']:.2f} to {comparison['high']:.2f})"
        )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
