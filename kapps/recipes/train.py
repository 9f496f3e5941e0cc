"""Train an application from scratch.

kapps train --model LeNet5 --data digits --out runs/digits
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.training import initialization
from kapps.training.options import Options


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """What `kapps train` can be told."""

    model: str = setting(help="an application, such as LeNet5; see kapps list", metavar="NAME")
    arguments: tuple[str, ...] = setting((), "of the application, such as alpha=0.5")
    initializer: str = setting(
        "own",
        "random weights: as it is built, as its published recipe, or one for all kernels",
        choices=initialization.WORDS,
        group="optimiser",
        advanced=True,
    )


def run(settings: Settings, callbacks: Sequence = ()) -> dict:
    """Train an application from random weights and leave a run folder.

    Args:
        settings: what and how; `Settings(data="digits", model="LeNet5", out="runs/digits")`.
        callbacks: your own `keras.callbacks.Callback`s, of each stage; `logs` of an epoch has what
            it was judged by, as `val_accuracy`.

    Returns:
        {"run": folder, "best": its row of metrics.csv, "epochs": how many, "seconds": of this
        process}.

    Raises:
        KappsError, ValueError: the settings do not fit together, the data cannot be used, or the
            run folder is there already.
        KeyboardInterrupt: Ctrl-C; the run can be continued.
    """
    from kapps import runs
    from kapps.training import launching
    from kapps.training.resolving import resolve

    settings = resolve(runs.as_begun(settings))
    return launching.launch(_train, settings, callbacks)


def _train(settings: Settings, callbacks: Sequence = ()) -> dict:
    """The job, or where several processes train together one's part in it."""
    import keras

    from kapps import layers, runs, tasks
    from kapps.applications import named
    from kapps.training import building, devices, job, pictures, replicas, resizing

    began = time.perf_counter()
    share = replicas.share()
    run = runs.resumable(settings, "train")
    task = tasks.make(settings)
    app = named.bound(settings.model, None, named.arguments_of(settings.arguments))
    size = settings.size or app.spec.size
    judged, stages = settings.test_size or size, resizing.planned(settings, size, "train")
    shape = size, app.spec.channels
    splits = pictures.Splits(settings, app.spec.to_dict(), *shape, share, task, judged)
    train = splits.at(stages[0].size, stages[0].strength).train()
    validation = splits.validation()
    names = train.class_names
    task.see(train.labels, names)
    keras.utils.set_random_seed(settings.seed)

    def complete(model: keras.Model) -> keras.Model:
        return building.completed(model, task, names, settings)

    def build(size: int) -> keras.Model:
        return complete(building.untrained(app, size, len(names), task.activation))

    with devices.precision(settings.precision):
        share_out = settings.distribute, settings.batch_size, settings.model_parallel
        with devices.distributed(*share_out) as count:
            model = building.untrained(app, stages[0].size, len(names), task.activation)
            initialization.draw(model, settings.initializer, app.family, settings.seed)
            model = complete(model)
            one = [stage.size for stage in stages] == [judged]
            whole = model if one else build(judged)
            resizing.take_over(whole, model)  # that it fits shows here
            seen = train.transform.replace(size=judged)
            spec = layers.spec_of(model)
            spec = building.describe(spec, seen, len(names), task, settings.task)
            building.carry(whole, spec)
            if run is None:
                run = job.begin(settings, "train", names, spec)
            training = job.Job(settings, run, task, share, splits, validation, whole, callbacks)
            training.announce(
                f"{app.name} on {keras.config.backend()}, {count} device(s), "
                f"{model.count_params():,} parameters",
                train,
            )
            with job.continuable(run, "train"):
                history = training.fit(stages, model, train, [], build)
    return job.finish(run, history, task.metrics, began)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
