"""How architectures differ, and what accuracy costs in each of them.

kapps compare ResNet50 ResNeXt50_32x4d
kapps compare MobileNetV2 MobileNetV3Large MobileNetV4ConvMedium EfficientNetLite0 --save cheap.html
kapps compare runs/small runs/large --measure

Of each cost (parameters, multiply-adds, with --measure milliseconds) the models are named that no
other of them beats in both: the Pareto front.
"""

import html
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.recipes import _tables

NUMBER = 14  # letters of a number of multiply-adds
COSTS = {"parameters": "parameters", "multiply-adds": "multiply-adds", "ms": "milliseconds"}


@dataclass(frozen=True)
class Settings:
    """What to compare."""

    names: tuple[str, ...] = setting(
        help="two or more: applications (see kapps list), run folders, .keras files",
        positional=True,
    )
    measure: bool = setting(False, "measure the milliseconds of one image too, in turns")
    rounds: int = setting(10, "with --measure: turns of each model, about 0.15 s long")
    threads: int = setting(1, "with --measure: threads of one inference")
    save: str | None = setting(None, "write a page (.html) or its chart (.svg)", metavar="FILE")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> dict:
    """Compare and print.

    Returns:
        {"models": name -> traits (see `kapps.inspect.traits`), "accuracy" (share in [0, 1] or
        None), "measure" (its name), "of" (the weights) and "ms" (median, or None); "fronts": cost
        -> the names on the Pareto front, cheapest first}.

    Raises:
        ValueError, KappsError: fewer than two models, one twice, one that is not there or has no
            layers; another suffix of `save`.
    """
    _check(settings)
    models = {name: _facts(name) for name in settings.names}
    for name, ms in _measured(settings).items():
        models[name]["ms"] = ms
    result = {"models": models, "fronts": _fronts(models)}
    if settings.save:
        _save(Path(settings.save), result)
    if settings.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print(result)
    return result


def _check(settings: Settings) -> None:
    names = settings.names
    if len(names) < 2:
        raise ValueError(f"names={list(names)} is nothing to compare; give two models or more.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names has {twice[0]!r} twice; give it once.")
    if settings.rounds < 1 or settings.threads < 1:
        name = "rounds" if settings.rounds < 1 else "threads"
        raise ValueError(f"{name}={getattr(settings, name)} is not possible; give 1 or more.")
    if settings.save and Path(settings.save).suffix not in (".html", ".svg"):
        raise ValueError(f"save={settings.save!r} is not possible; give a .html or .svg file.")


def _facts(name: str) -> dict:
    from kapps import inspect
    from kapps.recipes import _files

    model = _files.model(name)
    size = 224 if None in model.inputs[0].shape[1:] else None
    return {**inspect.traits(model, size), **_accuracy(name), "ms": None}


def _accuracy(name: str) -> dict:
    """{"accuracy", "measure", "of"}: of published weights, or of a run on its validation data."""
    from kapps import applications
    from kapps.weights import catalog

    nothing = {"accuracy": None, "measure": "", "of": ""}
    if name in applications.APPLICATIONS:
        own = applications.facts(name)["arguments"]
        for one in catalog.CHECKPOINTS:
            if one.application == name and dict(one.arguments).items() <= own.items():
                measured = dict(one.metrics) or {"top-1": one.top1}
                measure, share = next(iter(measured.items()))
                if share is not None:
                    return {"accuracy": share, "measure": measure, "of": one.tag}
        return nothing
    if not Path(name).is_dir():
        return nothing
    from kapps.reports import run_page
    from kapps.runs import Run

    measured = Run.open(name).metrics
    best = measured["best"]
    for metric in run_page.metrics_of(measured):
        if f"val_{metric.name}" in best:
            return {"accuracy": best[f"val_{metric.name}"], "measure": metric.name, "of": "the run"}
    return nothing


def _measured(settings: Settings) -> dict[str, float]:
    """Name -> milliseconds of one image, the median."""
    if not settings.measure:
        return {}
    from kapps.models import timing
    from kapps.recipes import _steps

    names = list(settings.names)
    print(f"timing {', '.join(names)}", file=sys.stderr, flush=True)
    found = timing.alternate(names, rounds=settings.rounds, threads=settings.threads)
    return {n: _steps.quartiles(one.rounds)[1] for n, one in zip(names, found, strict=True)}


def _points(models: dict, cost: str) -> dict[str, tuple[float, float]]:
    """Name -> (cost, accuracy) where both are known, measured as that of the first."""
    known = [one for one in models.values() if one["accuracy"] is not None]
    measure = known[0]["measure"] if known else ""
    return {
        name: (one[cost], one["accuracy"])
        for name, one in models.items()
        if one["accuracy"] is not None and one["measure"] == measure and one[cost]
    }


def _fronts(models: dict) -> dict[str, list[str]]:
    from kapps.reports import tradeoff

    found = {cost: _points(models, cost) for cost in COSTS}
    return {cost: tradeoff.front(points) for cost, points in found.items() if len(points) > 1}


def _rows(models: dict) -> tuple[list[tuple[str, ...]], list[str]]:
    """(trait, its value in each) where the models differ, and "trait: value" where they do not."""
    rows, same = [], []
    for key in next(iter(models.values())):
        if key in ("accuracy", "measure", "of"):
            continue
        texts = [_text(key, one[key]) for one in models.values()]
        if len(set(texts)) > 1:
            rows.append((key, *texts))
        elif texts[0] != "-":
            same.append(f"{key} {texts[0]}")
    if any(one["accuracy"] is not None for one in models.values()):
        rows.append(("accuracy", *map(_accuracy_text, models.values())))
    return rows, same


def _text(key: str, value) -> str:
    if value is None or value == "":
        return "-"
    if key in ("parameters", "multiply-adds"):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _accuracy_text(one: dict) -> str:
    if one["accuracy"] is None:
        return "-"
    return f"{_tables.percent(one['accuracy'])} % {one['measure']} ({one['of']})"


def _print(result: dict) -> None:
    rows, same = _rows(result["models"])
    names = list(result["models"])
    count = _tables.columns_that_fit(names, first=max(len(row[0]) for row in rows), least=NUMBER)
    for at in range(0, len(names), count):
        part = slice(1 + at, 1 + at + count)
        _tables.print_table(("", *names[at : at + count]), [(row[0], *row[part]) for row in rows])
    if same:
        print(f"  the same in all: {'; '.join(same)}")
    for line in _said(result):
        print(f"  {line}")


def _said(result: dict) -> list[str]:
    return [
        f"best accuracy for their {COSTS[cost]}: {', '.join(names)}"
        for cost, names in result["fronts"].items()
    ]


def _save(path: Path, result: dict) -> None:
    from kapps.files import atomic_write
    from kapps.reports import page, tradeoff

    models = result["models"]
    measure = next((one["measure"] for one in models.values() if one["measure"]), "")
    drawn = {
        cost: tradeoff.chart(
            f"accuracy for {COSTS[cost]}", _points(models, cost), COSTS[cost], measure
        )
        for cost in result["fronts"]
    }
    if path.suffix == ".svg":
        if not drawn:
            raise ValueError(
                f"save={str(path)!r} has no chart to draw: fewer than two of these models have a "
                "known accuracy; give .html, which has the table."
            )
        text = tradeoff.standalone(drawn["ms" if "ms" in drawn else "multiply-adds"])
    else:
        rows, same = _rows(models)
        title = " and ".join(models) if len(models) == 2 else f"{len(models)} networks"
        lines = [f"The same in all: {'; '.join(same)}."] if same else []
        lines += [f"{line[0].upper()}{line[1:]}." for line in _said(result)]
        body = f"<h1>{html.escape(title)}</h1>" + tradeoff.side_by_side(list(drawn.values()))
        body += f'<div class="card gap whole">{page.table(("", *models), rows)}</div>'
        body += "".join(f'<p class="gap">{html.escape(line)}</p>' for line in lines)
        text = page.page(title, body)
    with atomic_write(path, "w") as file:
        file.write(text)
    print(f"look at {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
