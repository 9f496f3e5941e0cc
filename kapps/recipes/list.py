"""Print the applications: size, parameters, operations, published weights; imports no Keras."""

import json
import sys
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.recipes import _tables


@dataclass(frozen=True)
class Settings:
    """What to list."""

    pattern: str | None = setting(None, "names with wildcards, e.g. 'Mobile*'", positional=True)
    family: str | None = setting(None, "only this family, e.g. mobilenet_v2")
    task: str | None = setting(None, "only for this: classification, detection, segmentation")
    weights: str | None = setting(None, "only with these weights: a tag, any")
    max_params: float | None = setting(None, "at most so many parameters, e.g. 5e6")
    max_macs: float | None = setting(None, "at most so many multiply-adds an image, e.g. 3e8")
    json: bool = setting(False, "print JSON instead of a table")


def run(settings: Settings) -> list[dict]:
    """Print the applications that match and return them.

    Returns:
        One dict an application: name, family, task, size (pixels), params, macs, top1 (share in
        [0, 1] of its default weights or None), metrics (what else those were measured by: name to
        share), flavors, weights (tags), references.

    Raises:
        ValueError: the family or the task does not exist.
    """
    from kapps import applications
    from kapps.weights import catalog

    names = applications.list_models(
        settings.pattern,
        family=settings.family,
        task=settings.task,
        weights=True if settings.weights == "any" else settings.weights,
        max_params=settings.max_params,
        max_macs=settings.max_macs,
    )
    rows = [_row(applications.facts(name), catalog.CHECKPOINTS) for name in names]
    if settings.json:
        print(json.dumps(rows, indent=2))
        return rows
    if not rows:
        print("no application matches; `kapps list` shows all of them", file=sys.stderr)
        return rows
    _tables.print_table(
        ("name", "family", ">size", ">params", ">MACs", ">accuracy %", "flavors", ">weights"),
        [
            (
                row["name"],
                row["family"],
                row["size"],
                _tables.count(row["params"]),
                _tables.count(row["macs"]),
                _accuracy(row),
                ", ".join(row["flavors"]),
                len(row["weights"]) or "-",
            )
            for row in rows
        ],
    )
    models = "application" if len(rows) == 1 else "applications"
    print(f"{len(rows)} {models}; `kapps info NAME` tells everything about one")
    return rows


def _accuracy(row: dict) -> str:
    """Top-1 of a classifier, and what others are measured by, with its name."""
    if row["metrics"]:
        return ", ".join(f"{name} {_tables.percent(v)}" for name, v in row["metrics"].items())
    return _tables.percent(row["top1"])


def _row(facts: dict, checkpoints: tuple) -> dict:
    own = [c for c in checkpoints if c.application == facts["name"]]
    return {
        "name": facts["name"],
        "family": facts["family"],
        "task": facts["task"],
        "size": facts["size"],
        "params": facts["params"],
        "macs": facts["macs"],
        "top1": next((c.top1 for c in own if c.top1 is not None), None),
        "metrics": next((dict(c.metrics) for c in own if c.metrics), {}),
        "flavors": list(facts["flavors"]),
        "weights": list(dict.fromkeys(c.tag for c in own)),
        "references": facts["references"],
    }


if __name__ == "__main__":
    sys.exit(main(Settings, run))
