"""Whose weights a model has, and how kapps trained it: what the card of an export tells of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kapps.applications import named
from kapps.errors import KappsError
from kapps.export.source import Training, Weights
from kapps.runs import SETTINGS, Run

CHAIN = 8  # runs that began with one another are followed so far back


def training_of(run: Run) -> Training:
    """What a run that has finished an epoch tells."""
    environment, metrics = run.environment, run.metrics
    return Training(
        settings=run.settings,
        job=environment["job"],
        best=metrics["best"],
        metrics=tuple(metric["name"] for metric in metrics.get("metrics", ())),  # of old runs none
        epochs=len(metrics["history"]),
        versions=environment["versions"],
        backend=environment["backend"],
    )


def of_application(
    name: str,
    weights: str | None,
    arguments: Mapping[str, Any] | None,
    *,
    body: bool = False,
    fresh: bool = False,
) -> Weights:
    """The weights of an application, as the catalog knows them.

    Args:
        name: of the application.
        weights: tag or file; None for its own.
        arguments: of the application.
        body: whether a detector without weights has those of its backbone, as in fine-tuning.
        fresh: whether it has none of its own, as in `kapps train`.
    """
    app = named.bound(name, weights, arguments)
    network, row = named.published(app.bind(weights=None) if fresh else app, body)
    if row is None or not hasattr(row, "licence"):  # random weights, or a file of somebody's
        return Weights(network, None if row is None else str(row))
    stated = {"top-1 accuracy": row.top1, "top-5 accuracy": row.top5, **dict(row.metrics)}
    return Weights(
        network,
        row.tag,
        row.licence,
        row.source,
        row.url,
        tuple((name, share) for name, share in stated.items() if share is not None),
        row.protocol,
    )


def of_run(run: Run, steps: int = CHAIN) -> Weights | None:
    """The weights that a run began with; None where that cannot be found out any more."""
    settings, fresh = run.settings, run.environment["job"] == "train"
    # An average of runs began as they did. A run of somebody's own job may tell neither.
    name = settings.get("model") or next(iter(settings.get("runs") or ()), None)
    if name is None:
        return None
    given = Path(name)
    if (given / SETTINGS).is_file() and steps:
        return of_run(Run.open(given), steps - 1)
    if given.exists():
        return None
    arguments = named.arguments_of(tuple(settings.get("arguments", ())))
    try:
        return of_application(name, settings.get("weights"), arguments, body=not fresh, fresh=fresh)
    except (KappsError, ValueError):  # a file or run that is gone, a tag that is no longer known
        return None
