"""A page to look at: of one run, or of several side by side.

kapps report runs/photos
kapps report runs/small runs/large --out sizes.html

Every training leaves report.html in its folder. This writes it anew, also for a run of an earlier
version and for one that is not finished; of several runs there is one more page, with their curves
in one chart and the settings that differ.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting

TOGETHER = "runs.html"


@dataclass(frozen=True)
class Settings:
    """What `kapps report` can be told."""

    runs: tuple[str, ...] = setting(help="run folders", positional=True)
    out: str | None = setting(None, f"page of several runs (default: {TOGETHER})", metavar="FILE")
    embedding: str = setting(
        "none",
        "also a map of the pictures as the network sees them, with those nearly the same and those "
        "unlike all others",
        choices=("none", "pca", "tsne", "umap"),
    )
    gradients: int = setting(
        0,
        "also a chart of how long the gradients of each layer are, at so many steps on a batch of "
        "those pictures; of several runs also in one chart",
    )
    judge: bool = setting(False, "let the best model answer anew, though its answers are known")


def run(settings: Settings) -> dict:
    """Write the pages and print where they are.

    Returns:
        {"reports": path of the page of each run, "comparison": of several runs, else None}.

    Raises:
        KappsError, ValueError: no such run, no epoch finished, `out` without several runs, or
            pictures that have no map or no gradients.
    """
    from kapps.files import atomic_write
    from kapps.reports import comparison, keeping, run_page
    from kapps.runs import Run

    if settings.out and len(settings.runs) < 2:
        raise ValueError(f"out={settings.out} is the page of several runs; name them.")
    if settings.gradients < 0:
        raise ValueError(f"gradients={settings.gradients} is out of range; use 0 or more steps.")
    runs = [Run.open(path) for path in settings.runs]
    if len(runs) > 1:  # says what cannot be compared before anything is measured
        comparison.render(runs)
    reports = []
    for one in runs:
        if settings.judge or keeping.read(one) is None:
            _examine(one)
        if settings.embedding != "none":
            _embed(one, settings.embedding)
        if settings.gradients:
            _flow(one, settings.gradients)
        reports.append(str(run_page.write(one)))
        print(f"look at {reports[-1]}")
    path = None
    if len(runs) > 1:
        path = Path(settings.out or TOGETHER)
        with atomic_write(path, "w") as file:
            file.write(comparison.render(runs))
        print(f"look at {path}")
    return {"reports": reports, "comparison": path and str(path)}


def _examine(run) -> None:
    """Let the best model of a run answer about the pictures that it was judged by."""
    from kapps import inspect
    from kapps.errors import KappsError
    from kapps.reports import keeping
    from kapps.training import pictures, progress

    try:
        task, held = _held(run)
        if held is None:
            return
        model = run.load_model()
        with progress.bar(f"judging {run.path}", held.images, quiet=True) as advance:
            data = pictures.Pictures(held, inspect.channels_first(model))
            _, show = task.examine(model, data, advance)
    except (KappsError, ImportError) as error:  # the page has its curves without them
        progress.say(f"{run.path}: without its answers, as its pictures cannot be had: {error}")
        return
    keeping.save(run, show(run.labels), held.pictures)


def _embed(run, method: str) -> None:
    """Draw a map of the pictures that a run was judged by, below the classifier of its best model.

    Raises:
        KappsError, ValueError: the pictures cannot be had, or the model has no Dense classifier.
    """
    from kapps import inspect
    from kapps.reports import keeping
    from kapps.tasks import embedding, scoring
    from kapps.training import features, pictures, progress

    _, held = _held(run)
    if held is None:
        raise ValueError(f"{run.path} was judged by no pictures, of which there could be a map.")
    model = run.load_model()
    below = features.backbone_of(model)
    data = pictures.Pictures(held, inspect.channels_first(model))
    with progress.bar(f"mapping {run.path}", held.images, quiet=True) as advance:
        rows, _ = scoring.predict_batches(below.predict_on_batch, data, data.batch_size, advance)
    classes = held.annotation == "class"
    labels, names = (held.labels, held.class_names) if classes else (None, ())
    found = embedding.of_rows(rows, labels, names, held.names, method)
    keeping.add(run, "embedding", found, held.pictures)


def _flow(run, steps: int) -> None:
    """Measure the gradients of a run's best model.

    Raises:
        KappsError, ValueError: the pictures cannot be had, or it is no classifier.
    """
    from kapps import inspect
    from kapps.recipes import _flow
    from kapps.reports import keeping
    from kapps.training import pictures

    _, held = _held(run)
    if held is None:
        raise ValueError(f"{run.path} was judged by no pictures, on which to take gradients.")
    model = run.load_model()
    batches = pictures.Pictures(held, inspect.channels_first(model))
    found = _flow.measure(run, model, batches, held.annotation, steps)
    keeping.add(run, "gradients", found)


def _held(run) -> tuple:
    """The task of a run, and the pictures that it was judged by; None where nothing judges."""
    from kapps import tasks
    from kapps.cli.settings import before_there_was, from_dict
    from kapps.recipes import finetune, train
    from kapps.training import pictures

    job = finetune if run.environment["job"] == "finetune" else train
    kept = {k: v for k, v in run.settings.items() if k in job.Settings.__dataclass_fields__}
    options = from_dict(job.Settings, before_there_was(job.Settings) | kept)
    task, spec = tasks.make(options), run.spec
    splits = pictures.Splits(options, spec, spec["size"], spec["channels"], task=task)
    return task, splits.validation()


if __name__ == "__main__":
    sys.exit(main(Settings, run))
