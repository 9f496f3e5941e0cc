"""What the settings of a training mean together: every default filled in, every range checked."""

import dataclasses

from kapps.errors import SettingsError
from kapps.training import norms, optimization, schedules
from kapps.training.optimization import DEFAULTS
from kapps.training.options import Options

VALIDATION = 0.2  # share of the data, where nothing else is there to judge by


def resolve(options: Options, least_epochs: int = 1) -> Options:
    """The same with every "by default" replaced by what it means, and the ranges checked.

    Raises:
        ValueError: a number out of range; the sentence names it.
    """
    if options.val is not None and options.validation:
        raise ValueError(
            f"validation={options.validation} sets images of {options.data} aside and "
            f"val={options.val} judges by others; drop one of them."
        )
    from kapps import tasks  # which knows Keras, and --help does without
    from kapps.data import Order

    changes = {}
    own = tasks.of_model(options.model) if hasattr(options, "model") else tasks.DEFAULT
    if options.task == tasks.AUTO:
        options = dataclasses.replace(options, task=own)
    kind = tasks.find(options.task)
    if kind.head != own:
        raise SettingsError(
            f"task={options.task} trains networks for {kind.head}, and {options.model} is one for "
            f"{own}; drop task, or use another model."
        )
    if options.epochs is None:
        options = dataclasses.replace(options, epochs=kind.epochs)
    has = kind.settings()
    if options.mix is not None and not kind.mixes:
        raise SettingsError(f"mix={options.mix!r} does not go with task={options.task}; drop it.")
    for field in dataclasses.fields(options):
        name, value = field.name, getattr(options, field.name)
        general = ("task", "task_arguments")
        is_task = field.metadata.get("group") == "task" and name not in general
        if is_task and name not in has and value != field.default:
            its = ", ".join(has) or "none of its own"
            raise SettingsError(
                f"{name}={value!r} is no setting of task={options.task}, which has {its}; drop it."
            )
    if options.validation is None:
        changes["validation"] = 0.0 if options.val is not None else VALIDATION
    elif not 0 <= options.validation < 1:
        raise ValueError(f"validation={options.validation} is out of range; use 0 up to below 1.")
    if not 0 <= options.label_smoothing < 1:
        raise ValueError(
            f"label_smoothing={options.label_smoothing} is out of range; use 0 up to below 1."
        )
    if not 0 <= options.drop_connect < 1:
        raise ValueError(
            f"drop_connect={options.drop_connect} is out of range; use 0 up to below 1."
        )
    if options.epochs < least_epochs:
        raise ValueError(f"epochs={options.epochs} is out of range; use {least_epochs} or more.")
    for name in ("batch_size", "size", "test_size", "patience", "learning_rate"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value} is out of range; use more than 0.")
    Order(options.balance, options.repeats)
    if options.recalibrate < 0:
        raise ValueError(f"recalibrate={options.recalibrate} is out of range; use 0 or more.")
    _check_devices(options)
    _check_sizes(options)
    if options.seed < 0:
        raise ValueError(f"seed={options.seed} is out of range; use 0 or more.")
    if options.epochs and options.warmup_epochs >= options.epochs:
        raise ValueError(
            f"warmup_epochs={options.warmup_epochs} leaves nothing of epochs={options.epochs}; "
            "lower warmup_epochs."
        )
    peak, decay = DEFAULTS[options.optimizer]
    if options.learning_rate is None and not options.find_lr:
        changes["learning_rate"] = peak
    if options.weight_decay is None:
        changes["weight_decay"] = decay
    if options.augment == "auto":
        # A mirrored 2 is no digit.
        changes["augment"] = "digits" if options.data == "digits" else "default"
    options = dataclasses.replace(options, **changes)
    optimization.check(options)
    schedules.check(options)
    norms.check(options.norm_momentum)
    if options.schedule == "plateau" and options.val is None and not options.validation:
        raise ValueError(
            "schedule=plateau looks at images to judge by and validation=0 leaves none; drop one."
        )
    return options


def _check_devices(options: Options) -> None:
    """Raise ValueError where the settings of devices and hosts do not fit together."""
    if options.model_parallel < 1:
        raise ValueError(
            f"model_parallel={options.model_parallel} is out of range; use 1 (whole) or more."
        )
    for name, off in (("hosts", None), ("host_index", None), ("model_parallel", 1)):
        value = getattr(options, name)
        if value != off and not options.distribute:
            raise ValueError(f"{name}={value} has no effect without distribute; add --distribute.")
    if options.host_index is not None and options.hosts is None:
        raise ValueError(
            f"host_index={options.host_index} is the place in a list of hosts; add --hosts."
        )


def _check_sizes(options: Options) -> None:
    """Raise ValueError where `progressive` and `sizes` do not go with the other settings."""
    if not options.sizes and options.size_epochs != 1:
        every = options.size_epochs
        raise ValueError(f"size_epochs={every} has no effect without sizes; drop it.")
    if options.progressive is not None and options.sizes:
        raise ValueError(
            f"progressive={options.progressive} and sizes both say how large pictures are; drop "
            "one of them."
        )
    if options.progressive is None:
        for name in ("progressive_stages", "progressive_strength"):
            value = getattr(options, name)
            if value != Options.__dataclass_fields__[name].default:
                raise ValueError(f"{name}={value} has no effect without progressive; drop it.")
        if not options.sizes:
            return
    looking = "schedule=plateau" if options.schedule == "plateau" else None
    if options.patience is not None:
        looking = f"patience={options.patience}"
    if looking:
        raise ValueError(
            f"{looking} looks for a better epoch and "
            f"{'sizes' if options.sizes else f'progressive={options.progressive}'} goes through "
            "all its stages; drop one of them."
        )
