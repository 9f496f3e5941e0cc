"""What the two training jobs do alike around their stages."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

from kapps import runs
from kapps.errors import RunError
from kapps.reports import run_page
from kapps.training import engine, replicas
from kapps.training.progress import say

# The course of a head's learning rate is its own: epochs of the network's say nothing about it.
HEAD = {
    "schedule": "cosine",
    "schedule_per": "step",
    "warmup": "linear",
    "cooldown_epochs": 0.0,
    "final_learning_rate": 0.0,
    "decay_rate": None,
    "decay_epochs": (),
    "recalibrate": 0,  # it has no BatchNorm
    "clip_adaptive": None,  # which leaves classifiers as they are
    "layer_decay": 1.0,
    "learning_rate_scales": (),
}


def plan(options, stage: str, **changes) -> engine.Plan:
    """The plan of a stage: the settings of the same names, and `changes`."""
    names = {field.name for field in dataclasses.fields(engine.Plan)}
    values = {name: value for name, value in vars(options).items() if name in names}
    return engine.Plan(**{**values, "stage": stage, **changes})


def begin(options, job: str, labels: list[str], spec: dict) -> runs.Run:
    """The new run folder, made by the leading process; arguments and errors: `Run.create`.

    Raises:
        RunError: another process of the training does not see it.
    """
    share = replicas.share()
    share.wait()  # until all have seen that there is none yet
    if share.leads:
        runs.Run.create(options.out, options, job, labels, spec)
    share.wait()
    run = runs.Run(options.out)
    if not (run.path / runs.SETTINGS).exists():
        raise RunError(
            f"--out {run.path} of the first host is not to be seen on this one, which --resume "
            "would need; use a folder that all hosts share."
        )
    return run


def has_begun(run: runs.Run, stage: str) -> bool:
    """Whether an epoch of `stage` is backed up."""
    return (run.backup / f"{stage}.npz").exists()


def save(run: runs.Run, twin, renew: Callable[[], None] | None = None) -> None:
    """Write what a stage outside of `engine.fit` has left, as `best` and `last`.

    Args:
        twin, renew: see `engine.fit`.
    """
    if renew:
        renew()
    run.save_model(twin, "last")
    run.save_model(twin, "best")


@contextlib.contextmanager
def continuable(run: runs.Run, job: str) -> Iterator[None]:
    """Say how to go on when the block is interrupted by Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"stopped; continue with: {runs.resume_command(run, job)}")
        raise


def finish(
    run: runs.Run, history: list[dict], metrics: Sequence[runs.Metric], began: float, **results
) -> dict:
    """Mark the run as finished, print its result; returns the data behind it.

    Args:
        run: the run.
        history: all its rows.
        metrics: of its task.
        began: `time.perf_counter()` at the start of this process's work.
        **results: more entries for metrics.json and the returned dict.
    """
    if not replicas.share().leads:
        return {}
    results = {"seconds": round(time.perf_counter() - began, 1), **results}
    run.write_history(history, metrics, finished=True, **results)
    report = run_page.write(run)
    best = runs.best_row(history, metrics[0])
    line = f"best: {best['stage']} epoch {best['epoch']}"
    if (name := f"val_{metrics[0].name}") in best:
        value = f"{best[name]:.2%}" if metrics[0].share else f"{best[name]:.4f}"
        line += f", {name} {value}, val_loss {best['val_loss']:.4f}"
    print(f"{line}, after {results['seconds']:.0f} s; the run is in {run.path}")
    print(f"look at {report}")
    return {"run": str(run.path), "best": best, "epochs": len(history), **results}
