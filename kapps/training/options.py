"""The settings that `kapps train` and `kapps finetune` share."""

import dataclasses
from dataclasses import dataclass

from kapps.cli.settings import setting
from kapps.errors import SettingsError
from kapps.training.optimization import LEARNING_RATES, OPTIMIZERS

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
VALIDATION = 0.2  # share of the data, where nothing else is there to judge by
JIT_COMPILE = ("auto", "true", "false")
MIXES = ("mixup", "cutmix", "mixup+cutmix")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Data, optimisation and record of a training; each job adds its own fields."""

    data: str = setting(
        help="images: digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:PATH",
        metavar="DATA",
    )
    size: int | None = setting(None, "height and width in pixels; the model's own", group="data")
    val: str | None = setting(
        None, "images to judge by, apart from --data", metavar="DATA", group="data"
    )
    validation: float | None = setting(
        None, "share to judge by, where nothing else is; 0.2, or 0 for none", group="data"
    )
    augment: str = setting(
        "auto",
        "auto, none, default (crop and flip), digits, randaugment, keras:LAYER",
        group="data",
    )
    mix: str | None = setting(None, "blend images and labels", choices=MIXES, group="data")
    batch_size: int = setting(32, "images a step", group="data")

    task: str = setting(
        "classification",
        "classification, multilabel, regression, distillation, or your own as module:Class",
        metavar="TASK",
        group="task",
    )
    loss: str | None = setting(
        None, "by task; cross_entropy, bce, focal, or your own as module:function", group="task"
    )
    metric: tuple[str, ...] = setting(
        (), "your own as module:function", group="task", advanced=True
    )
    label_smoothing: float = setting(0.1, "share of the label given to all", group="task")
    focal_gamma: float = setting(2.0, "of the focal loss", group="task", advanced=True)
    bce_threshold: float | None = setting(
        None, "of bce: blended labels above it count as 1", group="task", advanced=True
    )
    class_weights: str = setting(
        "none",
        "balanced: each class counts the same in the loss",
        choices=("none", "balanced"),
        group="task",
    )
    aux_weight: float = setting(
        0.3, "of the losses of classifiers on the side", group="task", advanced=True
    )
    teacher: str | None = setting(
        None, "distillation: application, run folder, .keras or .tflite", group="task"
    )
    distill: str = setting(
        "soft",
        "what of the teacher",
        choices=("soft", "hard", "features"),
        group="task",
        advanced=True,
    )
    distill_weight: float = setting(
        0.5, "share of the teacher in the loss", group="task", advanced=True
    )
    temperature: float = setting(3.0, "of soft labels", group="task", advanced=True)

    epochs: int = setting(20, "passes over the images", group="optimisation")
    optimizer: str = setting(
        "adamw", "AdamW or SGD with momentum", choices=OPTIMIZERS, group="optimisation"
    )
    learning_rate: float | None = setting(
        None, "its peak; by optimizer 0.001 or 0.05", group="optimisation"
    )
    warmup_epochs: float = setting(0.5, "epochs of linear warm-up", group="optimisation")
    weight_decay: float = setting(0.01, "of kernels, not of norms and biases", group="optimisation")
    momentum: float = setting(0.9, "of sgd", group="optimisation")
    ema: float = setting(
        0.0, "momentum of averaged weights, such as 0.99; 0 for none", group="optimisation"
    )
    accumulate: int = setting(1, "batches averaged into one update", group="optimisation")
    clip_norm: float | None = setting(None, "bound on the gradients' norm", group="optimisation")
    patience: int | None = setting(
        None, "stop after so many epochs without a better one", group="optimisation"
    )

    out: str = setting(help="folder of the run", metavar="FOLDER", group="run")
    resume: bool = setting(False, "continue the run in that folder", group="run")
    seed: int = setting(0, "of weights, order, augmentation", group="run")
    precision: str = setting("float32", "of the computation", choices=PRECISIONS, group="run")
    jit_compile: str = setting(
        "auto",
        "compile the training step as one program: XLA, torch.compile",
        choices=JIT_COMPILE,
        group="run",
        advanced=True,
    )
    distribute: bool = setting(False, "use all devices", group="run")
    tensorboard: bool = setting(True, "write TensorBoard event files", group="run")


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

    changes = {}
    kind = tasks.find(options.task)
    has = kind.settings()
    if options.mix is not None and not kind.mixes:
        raise SettingsError(f"mix={options.mix!r} does not go with task={options.task}; drop it.")
    for field in dataclasses.fields(options):
        name, value = field.name, getattr(options, field.name)
        is_task = field.metadata.get("group") == "task" and name != "task"
        if is_task and name not in has and value != field.default:
            its = ", ".join(has) or "none of its own"
            raise SettingsError(
                f"{name}={value!r} is no setting of task={options.task}, which has {its}; drop it."
            )
    if options.validation is None:
        changes["validation"] = 0.0 if options.val is not None else VALIDATION
    elif not 0 <= options.validation < 1:
        raise ValueError(f"validation={options.validation} is out of range; use 0 up to below 1.")
    for name, low, high in (
        ("label_smoothing", 0, 1),
        ("ema", 0, 1),
        ("momentum", 0, 1),
    ):
        value = getattr(options, name)
        if not low <= value < high:
            raise ValueError(f"{name}={value} is out of range; use {low} up to below {high}.")
    if options.epochs < least_epochs:
        raise ValueError(f"epochs={options.epochs} is out of range; use {least_epochs} or more.")
    for name in ("batch_size", "accumulate", "size", "patience", "learning_rate"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value} is out of range; use more than 0.")
    for name in ("warmup_epochs", "weight_decay", "seed"):
        if getattr(options, name) < 0:
            raise ValueError(f"{name}={getattr(options, name)} is out of range; use 0 or more.")
    if options.epochs and options.warmup_epochs >= options.epochs:
        raise ValueError(
            f"warmup_epochs={options.warmup_epochs} leaves nothing of epochs={options.epochs}; "
            "lower warmup_epochs."
        )
    if options.learning_rate is None:
        changes["learning_rate"] = LEARNING_RATES[options.optimizer]
    if options.augment == "auto":
        # A mirrored 2 is no digit.
        changes["augment"] = "digits" if options.data == "digits" else "default"
    return dataclasses.replace(options, **changes)
