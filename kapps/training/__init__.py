"""The engine under the recipes: optimiser, schedule, averaging, freezing, resume, distribution.

A training is one `engine.fit`, told by an `engine.Plan` and recorded in a `runs.Run`. Data order
and augmentation are functions of (seed, epoch), so a run that is killed and resumed ends where an
undisturbed one does.

From Python, `kapps.training.fit(model, train, validation)` is the one call to know.
"""

from importlib import import_module

__all__ = ["fit"]


def __getattr__(name: str):
    if name != "fit":
        raise AttributeError(f"module 'kapps.training' has no attribute {name!r}")
    return import_module("kapps.training.trainer").fit
