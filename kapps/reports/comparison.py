"""The page of several runs: results side by side, curves in one chart, settings that differ."""

import html
import math
from collections.abc import Sequence

from kapps.errors import SettingsError
from kapps.reports import charts, keeping, page
from kapps.reports.run_page import duration, metrics_of, numbers_of, plain, text_of
from kapps.runs import Run
from kapps.tasks.findings import Curve

GRADIENTS = "Gradient flow"  # title of the chart of a run, of which there is one of all
NOT_OF_INTEREST = ("out", "resume")


def render(runs: Sequence[Run]) -> str:
    """The page as text.

    Args:
        runs: two to as many as there are colours.

    Raises:
        SettingsError: more of them than colours.
        RunError: one of them has no finished epoch.
    """
    if len(runs) > page.COLOURS:
        raise SettingsError(
            f"{len(runs)} runs are more than the {page.COLOURS} colours of a chart; compare fewer."
        )
    names = names_of(runs)
    measured = {name: run.metrics for name, run in zip(names, runs, strict=True)}
    body = f"""<h1>{len(runs)} runs</h1>
<p>{html.escape(", ".join(str(run.path) for run in runs))}</p>
<div class="card">{_results(measured)}</div>
<h2>Curves</h2>
{page.legend(names)}
<div class="grid2">{"".join(_curves(measured))}{_gradients(names, runs)}</div>
<h2>Settings that differ</h2>
<div class="card">{_differing(names, runs)}</div>"""
    return page.page("runs side by side", body)


def names_of(runs: Sequence[Run]) -> list[str]:
    """The names of the folders; with those above them where two are alike."""
    for parts in (1, 2, 3, 4):
        names = ["/".join(run.path.resolve().parts[-parts:]) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [f"{i}: {run.path}" for i, run in enumerate(runs, 1)]


def _results(measured: dict[str, dict]) -> str:
    metrics = {m.name: m for one in measured.values() for m in metrics_of(one)}
    columns = ("run", *(f">{name}" for name in metrics), ">loss", ">epochs", ">time", "best epoch")
    rows = []
    for name, one in measured.items():
        best, history = one["best"], one["history"]
        found = [
            text_of(metric, best[f"val_{key}"]) if f"val_{key}" in best else "-"
            for key, metric in metrics.items()
        ]
        loss = best.get("val_loss")
        rows.append(
            (
                name,
                *found,
                "-" if loss is None else f"{loss:.4f}",
                len(history),
                duration(sum(row["seconds"] for row in history)),
                f"{best['stage']} {best['epoch']}",
            )
        )
    return page.table(columns, rows)


def _curves(measured: dict[str, dict]) -> list[str]:
    numbers = dict.fromkeys(n for one in measured.values() for n in numbers_of(one["history"]))
    shares = {m.name for one in measured.values() for m in metrics_of(one) if m.share}
    found = []
    for number in numbers:
        for key, whose in ((f"val_{number}", "held out"), (number, "training")):
            series = {
                name: [row.get(key, math.nan) for row in one["history"]]
                for name, one in measured.items()
            }
            if not any(map(math.isfinite, (v for line in series.values() for v in line))):
                continue
            title = number.replace("_", " ")
            title += "" if number == "learning_rate" else f", {whose}"
            chart = charts.line_chart(title, series, percent=number in shares, named=False)
            found.append(f'<div class="card">{chart}</div>')
    return found


def _gradients(names: list[str], runs: Sequence[Run]) -> str:
    """The gradients of each run at the first step, where they were measured."""
    found = {name: keeping.besides(run) for name, run in zip(names, runs, strict=True)}
    charted = {
        name: next((c for c in all_ if isinstance(c, Curve) and c.title == GRADIENTS), None)
        for name, all_ in found.items()
    }
    if not any(charted.values()):
        return ""
    first = {n: next(iter(c.lines.values())) if c else () for n, c in charted.items()}
    one = next(filter(None, charted.values()))
    chart = charts.curve(
        f"{GRADIENTS.lower()} at the first step", first, axes=(one.x, one.y), named=False
    )
    return f'<div class="card">{chart}</div>'


def _differing(names: list[str], runs: Sequence[Run]) -> str:
    settings = [run.settings | {"backend": run.environment["backend"]} for run in runs]
    keys = dict.fromkeys(key for one in settings for key in one)
    rows = []
    for key in keys:
        values = [plain(one[key]) if key in one else "-" for one in settings]
        if key not in NOT_OF_INTEREST and len(set(values)) > 1:
            rows.append((key, *values))
    return page.table(("setting", *names), rows) if rows else "<p>None: they have the same.</p>"
