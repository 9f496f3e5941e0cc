"""Steps before a training that leave no trace: which learning rate, and what a step waits for."""

import contextlib
import dataclasses
import itertools
import json
import random
from collections.abc import Iterator

import keras
import numpy as np

from kapps.errors import SettingsError
from kapps.files import atomic_write
from kapps.runs import Run
from kapps.tasks import Task
from kapps.training import engine, profiling, progress, rate_finder
from kapps.training.replicas import Share
from kapps.training.state import to_numpy

RATE, PROFILE = "learning_rate", "profile"  # files in a run folder


def rehearsed(
    options, run: Run, plan: engine.Plan, model, train: engine.EpochData, task: Task, share: Share
) -> engine.Plan:
    """Do what the settings `profile` and `find_lr` ask for, once a run; returns the plan to follow.

    Args:
        options: settings with `profile`, `find_lr` and `learning_rate`.
        run: where `profile.json`, `learning_rate.json` and `learning_rate.html` go; a resumed run
            takes the rate from there.
        plan: of the stage; without a learning rate it gets the one that was found.
        model, train, task: as `engine.fit` takes them.
        share: where several processes train together, the one of this.

    Raises:
        SettingsError: several processes train together.
        RunError: there is no rate at which the loss falls.
    """
    for name in ("find_lr", "profile"):
        if getattr(options, name) and share.count > 1:
            raise SettingsError(
                f"{name}=True is for one process; drop it, or hosts and distribute."
            )
    if options.profile and not (path := run.path / f"{PROFILE}.json").exists():
        with stepping(model, train, plan, task) as (trainee, batches):
            found = profiling.measure(trainee, batches)
        _write(path, {**dataclasses.asdict(found), "bottleneck": found.bottleneck})
        progress.say(found.sentence)
    if not options.find_lr:
        return plan
    path = run.path / f"{RATE}.json"
    if not path.exists():
        peak = plan.learning_rate or rate_finder.usual(plan.optimizer)
        ramp = rate_finder.ramp(peak)
        with stepping(model, train, plan, task, ramp) as (trainee, batches):
            found = rate_finder.run(trainee, _forever(batches), ramp)
        with atomic_write(path.with_suffix(".html"), "w") as file:
            file.write(rate_finder.page_of(found, plan.learning_rate))
        _write(path, dataclasses.asdict(found))
        progress.say(f"{found.sentence}; look at {path.with_suffix('.html')}")
    if plan.learning_rate is not None:
        return plan
    rate = json.loads(path.read_text(encoding="utf-8"))["suggestion"]
    return dataclasses.replace(plan, learning_rate=rate)


@contextlib.contextmanager
def stepping(
    model, train: engine.EpochData, plan: engine.Plan, task: Task, rate=None
) -> Iterator[tuple[keras.Model, engine.EpochData]]:
    """Inside, what `engine.fit` would train is compiled and may step; afterwards all is as before.

    Yields:
        (the trainee, its batches).
    """
    drawn = random.getstate(), np.random.get_state()  # Keras draws the seeds of weights from one
    trainee, batches = task.trainee(model), task.batches(train)
    variables = {id(v): v for v in (*model.variables, *trainee.variables)}.values()
    kept = [to_numpy(variable) for variable in variables]
    if plan.learning_rate is None:
        plan = dataclasses.replace(plan, learning_rate=rate_finder.usual(plan.optimizer))
    try:
        engine.compile_for(trainee, plan, batches.steps, task, model, rate)
        yield trainee, batches
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])


def _forever(batches: engine.EpochData) -> Iterator[tuple]:
    """The batches of epoch 0, 1, ..."""
    return itertools.chain.from_iterable(map(batches.epoch, itertools.count()))


def _write(path, values: dict) -> None:
    with atomic_write(path, "w") as file:
        file.write(json.dumps(values, indent=2) + "\n")
