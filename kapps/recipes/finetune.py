"""Teach a pretrained network your own classes.

kapps finetune --data folder:photos --out runs/photos

First the classifier alone: the frozen network below it sees every image once, and the epochs run on
what it said; so do --epochs-maps of what a detector or segmenter has new. Then the network, from
the top downwards, with BatchNorm in inference mode.
"""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from kapps.cli.settings import main, setting
from kapps.training.options import Options


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
    epochs_maps: int = setting(
        0,
        "passes of what a detector or segmenter has new over maps of the frozen network, kept in "
        "memory",
        group="head",
        advanced=True,
    )

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
        callbacks: your own `keras.callbacks.Callback`s, of each stage; `logs` of an epoch has what
            it was judged by, as `val_accuracy`.

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
    from kapps.training.resolving import resolve

    settings = _checked(resolve(runs.as_begun(settings), least_epochs=0))
    return launching.launch(_finetune, settings, callbacks)


def _finetune(settings: Settings, callbacks: Sequence = ()) -> dict:
    """The job, or where several processes train together one's part in it."""
    import keras

    from kapps import runs, tasks
    from kapps.recipes import _head
    from kapps.recipes._networks import Networks
    from kapps.training import building, devices, job, pictures, replicas

    began = time.perf_counter()
    share = replicas.share()
    run = runs.resumable(settings, "finetune")
    task = tasks.make(settings)
    share_out = settings.distribute, settings.batch_size, settings.model_parallel
    distributed = partial(devices.distributed, *share_out)
    apart = _head.apart(settings, task, share)

    def read() -> building.Pretrained:
        keras.utils.set_random_seed(settings.seed)  # for the Dropout layers of a file
        return building.pretrained(settings.model, settings.weights, settings.arguments)

    with devices.precision(settings.precision), contextlib.ExitStack() as scope:
        # Around the reading of a file too: its variables must lie where the model trains.
        count = scope.enter_context(distributed())
        if apart:  # what does not fit has been said
            scope.close()
        source = read()
        size = settings.size or source.size
        judged = settings.test_size or size
        shape = size, source.channels
        splits = pictures.Splits(settings, source.spec, *shape, share, task, judged)
        train, validation = splits.train(), splits.validation()
        names = train.class_names
        task.see(train.labels, names)
        networks = Networks(settings, task, source, size, judged, names)
        _head.check(settings, task, networks.model)
        phases = list(networks.phases())
        seen = train.transform.replace(size=judged)
        spec = building.describe(source.spec, seen, len(names), task, settings.task)
        building.carry(networks.whole, spec)
        if run is None:
            run = job.begin(settings, "finetune", names, spec)
        everywhere = run, task, share, splits, validation
        training = job.Job(settings, *everywhere, networks.whole, callbacks)
        training.announce(
            f"{settings.model} on {keras.config.backend()}, {count} device(s), {size}x{size} "
            "pixels",
            train,
        )
        with job.continuable(run, "finetune"):
            history, seconds = [], None
            begun = any(job.has_begun(run, stage.name) for stages, *_ in phases for stage in stages)
            if (settings.epochs_head or settings.epochs_maps) and not begun and share.leads:
                own = 1 if apart else count // share.count  # devices of this process
                history, seconds = _head.train(training, networks.model, own)
            if apart and share.leads:
                _head.hand_over(run, networks.model)
            share.wait()  # torch gives the others the leader's weights when they join it
            if apart:
                scope.enter_context(distributed())
                networks = Networks(settings, task, read(), size, judged, names)
                building.carry(networks.whole, spec)
                _head.take(run, networks.model)
                training = dataclasses.replace(training, whole=networks.whole)
            for stages, unfreeze, epochs in phases:
                first, build = stages[0], partial(networks.thawed, unfreeze=unfreeze)
                model = networks.thawed(first.size, unfreeze, loud=True)
                if (first.size, first.strength) != (size, 1):
                    train = splits.at(first.size, first.strength).train()
                history = training.fit(stages, model, train, history, build, epochs=epochs)
    return job.finish(run, history, task.metrics, began, seconds_features=seconds)


def _checked(settings: Settings) -> Settings:
    for name in ("learning_rate_head", "batch_size_head"):
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name}={getattr(settings, name)} is out of range; use more than 0.")
    for name in ("gradual", "lora", "adapter", "epochs_maps"):
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
    if settings.epochs_maps and (settings.distribute or settings.hosts):
        raise ValueError(
            f"epochs_maps={settings.epochs_maps} keeps maps in the memory of one process; drop it, "
            "or --distribute."
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
    first = settings.epochs_head or settings.epochs_maps
    if settings.epochs_head < 0 or (not first and nothing_below):
        raise ValueError(
            f"epochs_head={settings.epochs_head} with epochs={settings.epochs} and "
            f"unfreeze={settings.unfreeze} trains nothing; use epochs_head of 1 or more."
        )
    for name, off in (("sizes", ()), ("progressive", None)):
        value = getattr(settings, name)
        if value != off and nothing_below:
            raise ValueError(
                f"{name}={_text(value)} is for the training of the network, and there is none with "
                f"epochs={settings.epochs} and unfreeze={settings.unfreeze}; drop it."
            )
        if value != off and settings.lora:
            raise ValueError(
                f"{name}={_text(value)} gives each size a network, and lora={settings.lora} is "
                "learnt by one; drop one of them."
            )
    for name in ("find_lr", "profile"):
        if getattr(settings, name) and nothing_below and not settings.gradual:
            raise ValueError(
                f"{name}=True looks at the training of the network, and there is none with epochs="
                f"{settings.epochs} and unfreeze={settings.unfreeze}; drop it."
            )
    return settings


def _text(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    sys.exit(main(Settings, run))
