"""The page of one run: result, curves, what its task found, settings."""

import html
import math
from collections.abc import Sequence
from pathlib import Path

from kapps.files import atomic_write
from kapps.reports import charts, keeping, page, showing
from kapps.runs import COLUMNS, Metric, Run, resume_command
from kapps.tasks.findings import Finding

FILE = "report.html"


def write(run: Run) -> Path:
    """Write the page of a run into its folder, from what lies there; returns its path.

    Raises:
        RunError: no epoch is finished yet.
        FileWriteError: the folder cannot be written.
    """
    path = run.path / FILE
    with atomic_write(path, "w") as file:
        file.write(render(run, [*(keeping.read(run) or []), *keeping.besides(run)]))
    return path


def render(run: Run, findings: Sequence[Finding]) -> str:
    """The page as text."""
    measured, settings, environment = run.metrics, run.settings, run.environment
    model = str(settings.get("model", "a model"))
    history = measured["history"]
    body = f"""<h1>{html.escape(model)} on {html.escape(str(settings.get("data", "")))}</h1>
<p>{html.escape(_what(run, measured))}</p>
{page.tiles(_facts(measured, findings))}
<h2>Curves</h2>
<div class="grid2">{"".join(_curves(history, metrics_of(measured)))}</div>
{_found(measured, findings)}
<details><summary>Settings</summary>
<div class="card gap">{page.table(("setting", "value"), _rows(settings))}</div></details>
<details><summary>Epochs</summary>
<div class="card gap">{_epochs(history)}</div></details>"""
    versions = {
        **environment["versions"],
        "backend": environment["backend"],
        "python": environment["python"],
        "on": environment["platform"],
    }
    return page.page(f"{model}: {run.path.name}", body, page.versions(versions))


def metrics_of(measured: dict) -> list[Metric]:
    """The metrics of a run; one of an earlier version is a classifier's."""
    rows = measured.get("metrics")
    return [Metric(**row) for row in rows] if rows else [Metric("accuracy")]


def text_of(metric: Metric, value: float) -> str:
    """A metric's value as people read it."""
    return f"{value:.2%}" if metric.share else f"{value:.4g}"


def _what(run: Run, measured: dict) -> str:
    job, history = run.environment["job"], measured["history"]
    seconds = sum(row["seconds"] for row in history)
    text = f"{len(history)} epochs of kapps {job}, {duration(seconds)}, in {run.path}."
    if measured["finished"]:
        return text
    return f"{text} Not finished: {resume_command(run, job)} continues it."


def duration(seconds: float) -> str:
    """4000 -> "1 h 7 min"."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.1f} s"
    if minutes < 60:
        return f"{minutes:.0f} min {seconds % 60:.0f} s" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes // 60:.0f} h {minutes % 60:.0f} min"


def _facts(measured: dict, findings: Sequence[Finding]) -> list[tuple[str, str]]:
    best = measured["best"]
    rows = [
        (f"{metric.name} of the best epoch", text_of(metric, best[f"val_{metric.name}"]))
        for metric in metrics_of(measured)
        if f"val_{metric.name}" in best
    ]
    rows.append(("best epoch", f"{best['stage']} {best['epoch']}"))
    return [*rows, *showing.facts(findings)]


def _curves(history: list[dict], metrics: Sequence[Metric]) -> list[str]:
    """A chart for each number of the epochs, those to judge by beside those of the training."""
    marks = {
        i: row["stage"]
        for i, row in enumerate(history, 1)
        if i > 1 and row["stage"] != history[i - 2]["stage"]
    }
    shares = {metric.name for metric in metrics if metric.share}
    found = []
    for name in numbers_of(history):
        series = {"training": name, "held out": f"val_{name}"}
        lines = {
            label: [row.get(key, math.nan) for row in history]
            for label, key in series.items()
            if any(key in row for row in history)
        }
        if not lines:  # a soup was not trained, and has no learning rate
            continue
        if name == "learning_rate":
            lines = {"": lines["training"]}
        title = name.replace("_", " ") + " by epoch"
        found.append(charts.line_chart(title, lines, percent=name in shares, marks=marks))
    return [f'<div class="card">{chart}</div>' for chart in found]


def numbers_of(history: list[dict]) -> list[str]:
    """What there is a curve of: the columns of the history without `val_`, learning rate last."""
    names = [name.removeprefix("val_") for row in history for name in row if name not in COLUMNS]
    return [*dict.fromkeys(names), "learning_rate"]


def _found(measured: dict, findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    best = measured["best"]
    return (
        "<h2>What it answers</h2><p>On the pictures it was judged by, after its best epoch: "
        f"{html.escape(best['stage'])} {best['epoch']}.</p>{showing.cards(findings)}"
    )


def _rows(settings: dict) -> list[tuple[str, str]]:
    return [(name, plain(value)) for name, value in settings.items()]


def plain(value: object) -> str:
    """A setting as one types it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    names = {None: "none", True: "yes", False: "no"}
    return names[value] if value is None or isinstance(value, bool) else str(value)


def _epochs(history: list[dict]) -> str:
    names = list(dict.fromkeys(name for row in history for name in row))
    columns = [name if name == "stage" else f">{name}" for name in names]
    rows = [[_number(row.get(name, "")) for name in names] for row in history]
    return page.table(columns, rows)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
