"""Train an application from scratch.

kapps train --model LeNet5 --data digits --out runs/digits
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.training import initialization
from kapps.training.options import Options, resolve


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

    settings = resolve(runs.as_begun(settings))
    return launching.launch(_train, settings, callbacks)


def _train(settings: Settings, callbacks: Sequence = ()) -> dict:
    """The job, or where several processes train together one's part in it."""
    import keras

    from kapps import layers, runs, tasks
    from kapps.applications import _named as named
    from kapps.training import building, devices, engine, job, pictures, replicas
    from kapps.training.progress import say

    began = time.perf_counter()
    share = replicas.share()
    run = runs.resumable(settings, "train")
    task = tasks.make(settings)
    app = named.bound(settings.model, None, named.arguments_of(settings.arguments))
    size = settings.size or app.spec.size
    splits = pictures.Splits(settings, app.spec.to_dict(), size, app.spec.channels, share, task)
    train, validation = splits.train(), splits.validation()
    names = train.class_names
    task.see(train.labels, names)
    keras.utils.set_random_seed(settings.seed)
    with devices.precision(settings.precision):
        share_out = settings.distribute, settings.batch_size, settings.accumulate
        with devices.distributed(*share_out, settings.model_parallel) as count:
            model = building.new(
                app, size, len(names), weights=None, classifier_activation=task.activation
            )
            initialization.draw(model, settings.initializer, app.family, settings.seed)
            model = task.complete(model)
            twin = layers.Network(model.input, model.outputs[0], name=model.name)
            spec = layers.spec_of(model)
            spec = building.describe(spec, train.transform, len(names), task, settings.task)
            building.carry(model, spec)
            if run is None:
                run = job.begin(settings, "train", names, spec)
            say(
                f"{app.name} on {keras.config.backend()}, {count} device(s), "
                f"{model.count_params():,} parameters; {train.images} images to train on, "
                f"{validation.images if validation else 0} to judge by, "
                f"{len(names)} {task.counted}"
            )
            if validation:
                say(f"validating on {splits.judged_by} ({validation.images} images)")
            with job.continuable(run, "train"):
                first = building.channels_first(model)
                history = engine.fit(
                    model,
                    pictures.Pictures(train, first),
                    validation and pictures.Pictures(validation, first),
                    job.plan(settings, "train"),
                    task=task,
                    run=run,
                    twin=twin,
                    share=share,
                    callbacks=callbacks,
                    pictures=validation and validation.pictures,
                )
    return job.finish(run, history, task.metrics, began)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
