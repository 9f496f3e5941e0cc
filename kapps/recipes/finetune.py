"""Teach a pretrained network your own classes.

kapps finetune --data folder:photos --out runs/photos

First the classifier alone: the frozen network below it sees every image once, and the epochs run on
what it said. Then the network, from the top downwards, with BatchNorm in inference mode.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from kapps.cli.settings import main, setting
from kapps.errors import SettingsError
from kapps.training.options import Options, resolve


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """What `kapps finetune` can be told."""

    model: str = setting(
        "EfficientNetLite0", "application, .keras file or run folder", metavar="MODEL"
    )
    weights: str | None = setting(None, "tag or file of weights; the application's own")
    arguments: tuple[str, ...] = setting((), "of the application, such as alpha=0.5")

    epochs_head: int = setting(20, "passes of the classifier over the features", group="head")
    learning_rate_head: float = setting(0.001, "peak for the classifier", group="head")
    batch_size_head: int = setting(64, "features a step", group="head")

    epochs: int | None = setting(
        None,
        "passes of the network over the images; 5, of detectors and segmenters 40",
        group="optimisation",
    )
    unfreeze: str = setting(
        "all", "all, none, share from the top (0.3), or first stage (stage5)", group="optimisation"
    )
    train_norms: bool = setting(False, "train BatchNorm too", group="optimisation")
    gradual: int = setting(
        0, "epochs after which the next stage below joins, before --epochs", group="optimisation"
    )
    lora: int = setting(
        0, "rank of the change that Dense layers learn in place of kernels", group="optimisation"
    )
    adapter: int = setting(
        0,
        "units of thin layers that learn in each block of a frozen transformer, such as 64",
        group="optimisation",
        advanced=True,
    )
    adapter_kind: str = setting(
        "serial",
        "behind both branches of a block, or beside its MLP",
        choices=("serial", "parallel"),
        group="optimisation",
        advanced=True,
    )
    norm_momentum: str = setting(
        "own", "of BatchNorm: own (the network's), auto, or a number", group="optimisation"
    )


def run(settings: Settings, callbacks: Sequence = ()) -> dict:
    """Fine-tune a pretrained model and leave a run folder.

    Args:
        settings: what and how; `Settings(data="folder:photos", out="runs/photos")`.

    Returns:
        {"run": folder, "best": its row of metrics.csv, "epochs": how many, "seconds": of this
        process, "seconds_features": of running the frozen network, or None where that was done
        before}.

    Raises:
        KappsError, ValueError: the settings do not fit together, the data cannot be used, or the
            run folder is there already.
        KeyboardInterrupt: Ctrl-C; the run can be continued.
    """
    from kapps import runs
    from kapps.training import launching

    settings = _checked(resolve(runs.as_begun(settings), least_epochs=0))
    return launching.launch(_finetune, settings, callbacks)


def _finetune(settings: Settings, callbacks: Sequence = ()) -> dict:
    """The job, or where several processes train together one's part in it."""
    import keras

    from kapps import runs, tasks
    from kapps.training import (
        adapters,
        building,
        devices,
        engine,
        freezing,
        job,
        lora,
        pictures,
        rehearsal,
        replicas,
        resizing,
    )
    from kapps.training.progress import say

    began = time.perf_counter()
    share = replicas.share()
    if settings.epochs_head and share.count > 1 and keras.config.backend() != "torch":
        raise SettingsError(
            f"epochs_head={settings.epochs_head} trains the classifier in the first process alone, "
            "which goes with several hosts on torch only; use epochs_head=0 or --backend torch."
        )
    run = runs.resumable(settings, "finetune")
    task = tasks.make(settings)
    with devices.precision(settings.precision):
        # Around the reading of a file too: its variables must lie where the model trains.
        share_out = settings.distribute, settings.batch_size, settings.accumulate
        with devices.distributed(*share_out, settings.model_parallel) as count:
            keras.utils.set_random_seed(settings.seed)  # for the Dropout layers of a file
            source = building.pretrained(settings.model, settings.weights, settings.arguments)
            size = settings.size or source.size
            judged, spec, channels = settings.test_size or size, source.spec, source.channels
            splits = pictures.Splits(settings, spec, size, channels, share, task, judged)
            train, validation = splits.train(), splits.validation()
            names = train.class_names
            task.see(train.labels, names)
            keras.utils.set_random_seed(settings.seed)
            model = _network(settings, task, source.build(size, len(names), task.activation))
            whole, renew = model, None
            if judged != size:
                other = source.build(judged, len(names), task.activation)
                whole = _network(settings, task, other)
                renew = partial(resizing.take_over, whole, model)
                renew()  # that it fits shows here
            twin = task.answering(whole)
            fresh = task.fresh(model)
            # A wrong word shows before hours of work.
            freezing.unfreeze(model, settings.unfreeze, fresh=fresh)
            seen = train.transform.replace(size=judged)
            spec = building.describe(spec, seen, len(names), task, settings.task)
            building.carry(whole, spec)
            if run is None:
                run = job.begin(settings, "finetune", names, spec)
            say(
                f"{settings.model} on {keras.config.backend()}, {count} device(s), {size}x{size} "
                f"pixels; {train.images} images to train on, "
                f"{validation.images if validation else 0} to judge by, "
                f"{len(names)} {task.counted}"
            )
            if validation:
                say(f"validating on {splits.judged_by} ({validation.images} images)")
            for text in splits.warnings(train, validation):
                say(text)
            with job.continuable(run, "finetune"):
                history, seconds = [], None
                if share.leads:  # the others get its weights when they join it
                    own = count // share.count  # devices of this process
                    history, seconds = _head(settings, run, task, model, splits, own, callbacks)
                    if seconds is not None:
                        job.save(run, twin, renew)
                share.wait()
                first = building.channels_first(model)
                for stage, unfreeze, epochs in _phases(settings, task, model):
                    if settings.lora:
                        frozen = lora.adapt(model, settings.lora)
                    elif settings.adapter:
                        frozen = adapters.unfreeze(model, settings.adapter_kind)
                    else:
                        frozen = freezing.unfreeze(model, unfreeze, settings.train_norms, fresh)
                    say(f"training the network: {frozen}")
                    batches = pictures.Pictures(train, first)
                    plan = job.plan(settings, stage, epochs=epochs)
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
                        renew=renew,
                    )
    return job.finish(run, history, task.metrics, began, seconds_features=seconds)


def _network(settings: Settings, task, model):
    """What the task and the settings make of a pretrained network."""
    from kapps.training import adapters

    model = task.complete(model)
    if settings.adapter:
        return adapters.insert(model, settings.adapter, settings.adapter_kind)
    return model


def _phases(settings: Settings, task, model) -> list[tuple[str, str, int]]:
    """(name, what trains, epochs) of the trainings of the network, one after the other.

    What trains may be "none", and so the new layers alone, where no head phase trains them.

    With `gradual` it thaws from the top: first the last stage, some epochs later the one below it
    too, and so on (Howard and Ruder, 2018, arXiv:1801.06146, section 3.3).
    """
    from kapps.training import freezing

    phases = []
    if settings.gradual:
        *above, _ = freezing.stages_above(model, settings.unfreeze)
        phases = [(f"gradual_{name}", name, settings.gradual) for name in above]
    if settings.epochs and (settings.unfreeze != "none" or not task.on_features):
        phases.append(("finetune", settings.unfreeze, settings.epochs))
    return phases


def _checked(settings: Settings) -> Settings:
    for name in ("learning_rate_head", "batch_size_head"):
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name}={getattr(settings, name)} is out of range; use more than 0.")
    for name in ("gradual", "lora", "adapter"):
        if getattr(settings, name) < 0:
            raise ValueError(f"{name}={getattr(settings, name)} is out of range; use 0 or more.")
    if settings.lora and settings.adapter:
        raise ValueError(
            f"lora={settings.lora} and adapter={settings.adapter} both learn in place of the "
            "kernels; drop one of them."
        )
    for name in ("lora", "adapter"):
        alone = not settings.gradual and settings.unfreeze == "all" and settings.epochs
        if getattr(settings, name) and not alone:
            raise ValueError(
                f"{name}={getattr(settings, name)} freezes all kernels and trains for epochs of 1 "
                f"or more; drop gradual={settings.gradual} and unfreeze={settings.unfreeze}."
            )
    if settings.recalibrate and not settings.train_norms:
        raise ValueError(
            f"recalibrate={settings.recalibrate} measures BatchNorm that trains; add train_norms, "
            "or drop it."
        )
    if settings.gradual and (settings.unfreeze == "none" or not settings.epochs):
        raise ValueError(
            f"gradual={settings.gradual} ends in epochs with all that unfreeze says; use epochs of "
            "1 or more, and unfreeze other than none."
        )
    nothing_below = not settings.epochs or settings.unfreeze == "none"
    if settings.epochs_head < 0 or (not settings.epochs_head and nothing_below):
        raise ValueError(
            f"epochs_head={settings.epochs_head} with epochs={settings.epochs} and "
            f"unfreeze={settings.unfreeze} trains nothing; use epochs_head of 1 or more."
        )
    for name in ("find_lr", "profile"):
        if getattr(settings, name) and nothing_below and not settings.gradual:
            raise ValueError(
                f"{name}=True looks at the training of the network, and there is none with epochs="
                f"{settings.epochs} and unfreeze={settings.unfreeze}; drop it."
            )
    return settings


def _network_has_begun(settings: Settings, run, task, model) -> bool:
    from kapps.training import job

    return any(job.has_begun(run, stage) for stage, *_ in _phases(settings, task, model))


def _head(
    settings: Settings, run, task, model, splits, count: int, callbacks: Sequence
) -> tuple[list[dict], float | None]:
    """Phase one, on `count` devices; returns its rows and the seconds of the frozen network."""
    from kapps.training import building, features, freezing, job, pictures
    from kapps.training.progress import say

    if not settings.epochs_head or _network_has_begun(settings, run, task, model):
        return [], None
    if not task.on_features:
        say(f"task {settings.task} trains the whole network from the start: no head phase")
        return [], None
    say(f"training the classifier on cached features: {freezing.unfreeze(model, 'none')}")
    began = time.perf_counter()
    backbone = features.backbone_of(model)
    first = building.channels_first(model)

    def extract(dataset, part: str):
        key = {"part": part, "names": dataset.names, "classes": list(dataset.class_names)}
        key["data"] = settings.val if settings.val and part == "judge by" else settings.data
        return features.extract(
            backbone,
            pictures.Pictures(dataset, first),
            dataset.batch_size,
            dataset.images,
            folder=run.backup / "features",
            key={**key, "transform": dataset.transform.to_dict()},
            text=f"features of the images to {part}",
        )

    train_features = extract(splits.plain(), "train on")
    validation = dataclasses.replace(splits, test_size=None).validation()
    judge_features = validation and extract(validation, "judge by")
    seconds = round(time.perf_counter() - began, 2)
    history = features.train_head(
        model,
        train_features,
        judge_features,
        job.plan(
            settings,
            "head",
            epochs=settings.epochs_head,
            learning_rate=settings.learning_rate_head,
            warmup_epochs=min(settings.warmup_epochs, settings.epochs_head / 4),
            accumulate=1,
            **job.HEAD,
        ),
        settings.batch_size_head,
        task=task,
        run=run,
        devices=count,
        balance=settings.balance,
        callbacks=callbacks,
        pictures=validation and validation.pictures,
    )
    return history, seconds


if __name__ == "__main__":
    sys.exit(main(Settings, run))
