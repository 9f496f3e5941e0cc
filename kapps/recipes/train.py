"""Train an application from scratch.

kapps train --model LeNet5 --data digits --out runs/digits
"""

import sys
import time
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.training.options import Options, resolve


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """What `kapps train` can be told."""

    model: str = setting(help="an application, such as LeNet5; see kapps list", metavar="NAME")
    arguments: tuple[str, ...] = setting((), "of the application, such as alpha=0.5")


def run(settings: Settings) -> dict:
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
    settings = resolve(settings)
    from kapps.training import replicas

    return replicas.launch(_train, settings)


def _train(settings: Settings) -> dict:
    """The job, or on several torch devices one process's part in it."""
    import keras

    from kapps import layers, runs
    from kapps.applications import _named as named
    from kapps.training import building, devices, engine, job, pictures, replicas
    from kapps.training.progress import say

    began = time.perf_counter()
    share = replicas.share()
    run = runs.resumable(settings, "train")
    app = named.bound(settings.model, None, named.arguments_of(settings.arguments))
    size = settings.size or app.spec.size
    splits = pictures.Splits(settings, app.spec.to_dict(), size, app.spec.channels, share)
    train, validation = splits.train(), splits.validation()
    keras.utils.set_random_seed(settings.seed)
    with devices.precision(settings.precision):
        with devices.distributed(settings.distribute, settings.batch_size) as count:
            model = building.new(app, size, len(train.class_names), weights=None)
            twin = layers.Network(model.input, model.output, name=model.name)
            spec = building.describe(layers.spec_of(model), train.transform, len(train.class_names))
            building.carry(model, spec)
            if run is None:
                run = job.begin(settings, "train", train.class_names, spec)
            say(
                f"{app.name} on {keras.config.backend()}, {count} device(s), "
                f"{model.count_params():,} parameters; {train.images} images to train on, "
                f"{validation.images if validation else 0} to judge by, "
                f"{len(train.class_names)} classes"
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
                    run=run,
                    twin=twin,
                    share=share,
                )
    return job.finish(run, history, began)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
