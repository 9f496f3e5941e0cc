"""How gradients reach the layers of a run's best model: what `kapps report --gradients` shows."""

import math

import numpy as np

from kapps.errors import SettingsError
from kapps.reports.comparison import GRADIENTS
from kapps.tasks.findings import Curve, Finding, Table

BATCH = 64  # pictures, at most
LINES = 3  # of steps in the chart, which has room for so many names
ROWS = 24  # of kernels in the table


def measure(run, model, batches, annotation: str, steps: int) -> list[Finding]:
    """The chart and the table of a model.

    Args:
        run: the `kapps.runs.Run` that it is of.
        model: a classifier.
        batches: of (pictures, numbers of classes); the first one is taken.
        annotation: what the data set tells of a picture.
        steps: of plain gradient descent.

    Raises:
        SettingsError: the run did not learn classes, or nothing judges it.
        ValueError: see `kapps.inspect.gradient_flow`.
    """
    from kapps.inspect import gradient_flow

    if annotation != "class":
        raise SettingsError(
            f"gradients={steps} measures classifiers, and {run.path} learnt from {annotation}; use "
            "kapps.inspect.gradient_flow with a loss of yours."
        )
    images, labels = next(iter(batches))[:2]
    images, labels = np.asarray(images)[:BATCH], np.asarray(labels)[:BATCH]
    flow = gradient_flow(model, images, labels, steps=steps)
    kernels = {path: flow.norms[path] for path in flow.relative}
    chosen = np.unique(np.linspace(0, steps - 1, min(LINES, steps)).round().astype(int))
    lines = {f"step {step + 1}": _line(kernels, step) for step in chosen}
    said = [sign.removeprefix("warning: ") for sign in flow.signs]
    said = said or ["Nothing vanishes or explodes, and no layer has half of its ReLUs dead."]
    text = (
        f"Of the {len(kernels)} kernels that train, the first layer on the left, on {len(images)} "
        f"pictures, at {steps} steps of plain gradient descent. {' '.join(said)}"
    )
    curve = Curve(GRADIENTS, text, "kernel", "log10 of the norm", lines)
    return [curve, _table(kernels, flow.relative, chosen)]


def _line(kernels: dict[str, list[float]], step: int) -> list[tuple[float, float]]:
    norms = ((number, norms[step]) for number, norms in enumerate(kernels.values(), 1))
    return [(number, math.log10(norm)) for number, norm in norms if 0 < norm < math.inf]


def _table(kernels: dict, relative: dict[str, float], chosen) -> Table:
    paths = list(kernels)
    shown = np.unique(np.linspace(0, len(paths) - 1, min(ROWS, len(paths))).round().astype(int))
    rows = [
        (
            f"{i + 1}: {paths[i]}",
            *(f"{kernels[paths[i]][step]:.3g}" for step in chosen),
            f"{relative[paths[i]]:.3g}",
        )
        for i in shown
    ]
    columns = ("kernel", *(f">step {step + 1}" for step in chosen), ">of its weights")
    return Table(
        "Norms of gradients",
        "The last column is that of step 1, divided by the norm of the weights themselves.",
        columns,
        rows,
    )
