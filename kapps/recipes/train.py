"""Train an application from scratch.

kapps train --model LeNet5 --data digits --out runs/digits
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

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
    progressive: int | None = setting(
        None, "size to begin with, which grows to size in stages", group="data", advanced=True
    )
    progressive_stages: int = setting(
        4, "of progressive, equally long", group="data", advanced=True
    )
    progressive_strength: float = setting(
        0.33, "share of augmentation and Dropout in the first stage", group="data", advanced=True
    )
    sizes: tuple[int, ...] = setting(
        (),
        "of pictures to train on, such as 256,288,320: another one by chance every size_epochs",
        group="data",
        advanced=True,
    )
    size_epochs: int = setting(1, "that a size of sizes stays", group="data", advanced=True)


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

    settings = _checked(resolve(runs.as_begun(settings)))
    return launching.launch(_train, settings, callbacks)


def _train(settings: Settings, callbacks: Sequence = ()) -> dict:
    """The job, or where several processes train together one's part in it."""
    import keras

    from kapps import layers, runs, tasks
    from kapps.applications import _named as named
    from kapps.training import (
        building,
        devices,
        engine,
        job,
        pictures,
        rehearsal,
        replicas,
        resizing,
    )
    from kapps.training.progress import say

    began = time.perf_counter()
    share = replicas.share()
    run = runs.resumable(settings, "train")
    task = tasks.make(settings)
    app = named.bound(settings.model, None, named.arguments_of(settings.arguments))
    size = settings.size or app.spec.size
    judged, stages = settings.test_size or size, _stages(settings, size)
    shape = size, app.spec.channels
    splits = pictures.Splits(settings, app.spec.to_dict(), *shape, share, task, judged)
    train = splits.at(stages[0].size, stages[0].strength).train()
    validation = splits.validation()
    names = train.class_names
    task.see(train.labels, names)
    keras.utils.set_random_seed(settings.seed)

    def build(size: int):
        return building.untrained(app, size, len(names), task.activation)

    with devices.precision(settings.precision):
        share_out = settings.distribute, settings.batch_size, settings.accumulate
        with devices.distributed(*share_out, settings.model_parallel) as count:
            model = build(stages[0].size)
            initialization.draw(model, settings.initializer, app.family, settings.seed)
            model = task.complete(model)
            one = [stage.size for stage in stages] == [judged]
            whole = model if one else task.complete(build(judged))
            resizing.take_over(whole, model)  # that it fits shows here
            twin = task.answering(whole)
            seen = train.transform.replace(size=judged)
            spec = layers.spec_of(model)
            spec = building.describe(spec, seen, len(names), task, settings.task)
            building.carry(whole, spec)
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
            for text in splits.warnings(train, validation):
                say(text)
            with job.continuable(run, "train"):
                first = building.channels_first(model)
                history: list[dict] = []
                # The last stage with a backup goes on; what was before it is done.
                done = [i for i, stage in enumerate(stages) if job.has_begun(run, stage.name)]
                pairs = list(zip([None, *stages], stages, strict=False))
                for before, stage in pairs[max(done, default=0) :]:
                    if before:
                        model = task.complete(build(stage.size))
                        train = splits.at(stage.size, stage.strength).train()
                    resizing.weaken(model, stage.strength)
                    batches = pictures.Pictures(train, first)
                    plan = job.plan(settings, **stage.plan(before))
                    plan = rehearsal.rehearsed(settings, run, plan, model, batches, task, share)
                    history = engine.fit(
                        model,
                        batches,
                        validation and pictures.Pictures(validation, first),
                        plan,
                        task=task,
                        run=run,
                        history=history,
                        twin=twin,
                        share=share,
                        callbacks=callbacks,
                        pictures=validation and validation.pictures,
                        renew=None if one else partial(resizing.take_over, whole, model),
                    )
                    if before and settings.sizes and share.leads:  # there may be hundreds
                        (run.backup / f"{before.name}.npz").unlink(missing_ok=True)
    return job.finish(run, history, task.metrics, began)


def _stages(settings: Settings, size: int) -> list:
    """The parts of the training: one, or with `progressive` or `sizes` one for each size."""
    from kapps.training import resizing

    if settings.sizes:
        how = settings.size_epochs, settings.epochs, settings.seed
        return resizing.drawn(settings.sizes, *how)
    if settings.progressive is None:
        return [resizing.Stage("train", size, 0, settings.epochs, 1.0)]
    how = settings.progressive_stages, settings.epochs, settings.progressive_strength
    return resizing.stages(settings.progressive, size, *how)


def _checked(settings: Settings) -> Settings:
    if not settings.sizes and settings.size_epochs != 1:
        every = settings.size_epochs
        raise ValueError(f"size_epochs={every} has no effect without sizes; drop it.")
    if settings.progressive is not None and settings.sizes:
        raise ValueError(
            f"progressive={settings.progressive} and sizes both say how large pictures are; drop "
            "one of them."
        )
    if settings.progressive is None:
        for name in ("progressive_stages", "progressive_strength"):
            value = getattr(settings, name)
            if value != Settings.__dataclass_fields__[name].default:
                raise ValueError(f"{name}={value} has no effect without progressive; drop it.")
        if not settings.sizes:
            return settings
    looking = "schedule=plateau" if settings.schedule == "plateau" else None
    if settings.patience is not None:
        looking = f"patience={settings.patience}"
    if looking:
        raise ValueError(
            f"{looking} looks for a better epoch and "
            f"{'sizes' if settings.sizes else f'progressive={settings.progressive}'} goes through "
            "all its stages; drop one of them."
        )
    return settings


if __name__ == "__main__":
    sys.exit(main(Settings, run))
