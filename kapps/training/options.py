"""The settings that `kapps train` and `kapps finetune` share."""

from dataclasses import dataclass

from kapps.cli.settings import setting
from kapps.training import schedules
from kapps.training.optimization import OPTIMIZERS

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
JIT_COMPILE = ("auto", "true", "false")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Data, optimisation and record of a training; each job adds its own fields."""

    data: str = setting(
        help="images: digits, folder:PATH, tfds:NAME, csv:PATH, npz:PATH, shards:PATH",
        metavar="DATA",
    )
    size: int | None = setting(None, "height and width in pixels; the model's own", group="data")
    test_size: int | None = setting(
        None,
        "of pictures to judge by and of the saved model, such as 1.15 times size",
        group="data",
        advanced=True,
    )
    val: str | None = setting(
        None, "images to judge by, apart from --data", metavar="DATA", group="data"
    )
    validation: float | None = setting(
        None, "share to judge by, where nothing else is; 0.2, or 0 for none", group="data"
    )
    augment: str = setting(
        "auto",
        "auto, none, default (crop and flip), randaugment, or parts: flip+jitter:0.4+erase",
        group="data",
    )
    mix: str | None = setting(
        None,
        "blend images: mixup, cutmix, both as mixup:0.8+cutmix:1.0+share:0.5; with boxes mixup or "
        "copy-paste, with masks cutmix or copy-paste",
        group="data",
    )
    batch_size: int = setting(32, "images a step", group="data")
    balance: float = setting(
        0.0, "1: rare classes are drawn as often as others; 0.5: half way", group="data"
    )
    repeats: int = setting(
        1, "times that a picture is in a batch, augmented anew", group="data", advanced=True
    )
    vocabulary: tuple[str, ...] = setting(
        (),
        "of an open-vocabulary detector: what the classes of the data are called, in their order, "
        "or a .npz of embeddings; their own names",
        group="data",
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

    task: str = setting(
        "auto",
        "auto: the model's; classification, multilabel, regression, distillation, detection, "
        "segmentation, or your own as module:Class",
        metavar="TASK",
        group="task",
    )
    task_arguments: tuple[str, ...] = setting(
        (), "of a task of your own, such as margin=0.2", group="task", advanced=True
    )
    loss: str | None = setting(
        None,
        "by task; cross_entropy, bce, focal; of masks dice, lovasz; your own as module:function",
        group="task",
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
    consistency: float = setting(
        0.0,
        "weight of AugMix's loss between a picture and two augmented views, such as 12",
        group="task",
        advanced=True,
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
        "adamw", "how gradients move weights", choices=OPTIMIZERS, group="optimisation"
    )
    learning_rate: float | None = setting(
        None, "its peak; by optimizer, such as 0.001 of adamw, 0.05 of sgd", group="optimisation"
    )
    find_lr: bool = setting(
        False,
        "first try rates from small to large and plot the loss; train with the one suggested, "
        "where learning_rate says none",
        group="optimisation",
    )
    schedule: str = setting(
        "cosine",
        "how the learning rate falls",
        choices=schedules.SCHEDULES,
        group="optimisation",
    )
    warmup_epochs: float = setting(0.5, "epochs of rising to the peak", group="optimisation")
    weight_decay: float | None = setting(
        None,
        "of kernels, not of norms and biases; by optimizer, such as 0.01 of adamw and sgd",
        group="optimisation",
    )
    ema: float = setting(
        0.0, "momentum of averaged weights, such as 0.99; 0 for none", group="optimisation"
    )
    accumulate: int = setting(1, "batches averaged into one update", group="optimisation")
    clip_norm: float | None = setting(None, "bound on the gradients' norm", group="optimisation")
    patience: int | None = setting(
        None, "stop after so many epochs without a better one", group="optimisation"
    )
    norm_momentum: str = setting(
        "auto",
        "of BatchNorm: auto (a tenth of an epoch or less), own (the network's), or a number",
        group="optimisation",
        before="own",
    )

    recalibrate: int = setting(
        0,
        "batches to measure BatchNorm's statistics on before judging, such as 100; 0 for none",
        group="optimiser",
        advanced=True,
    )
    momentum: float = setting(0.9, "of sgd and rmsprop", group="optimiser", advanced=True)
    nesterov: bool = setting(True, "Nesterov's momentum in sgd", group="optimiser", advanced=True)
    beta_1: float | None = setting(
        None, "memory of gradients; the optimiser's own", group="optimiser", advanced=True
    )
    beta_2: float | None = setting(
        None, "memory of their squares; the optimiser's own", group="optimiser", advanced=True
    )
    epsilon: float | None = setting(
        None, "added to their root; the optimiser's own", group="optimiser", advanced=True
    )
    l1: float = setting(
        0.0, "gradient of l1 times the sum of |kernel|", group="optimiser", advanced=True
    )
    l2: float = setting(
        0.0, "gradient of l2 / 2 times the sum of kernel^2", group="optimiser", advanced=True
    )
    clip_adaptive: float | None = setting(
        None,
        "bound on each unit's gradient by its weights, such as 0.01",
        group="optimiser",
        advanced=True,
    )
    drop_connect: float = setting(
        0.0,
        "share of the weights of the fully connected layers that a step leaves out, such as 0.5",
        group="optimiser",
        advanced=True,
    )
    lookahead: int = setting(
        0, "updates between steps back half way, such as 6", group="optimiser", advanced=True
    )
    layer_decay: float = setting(
        1.0,
        "factor of the learning rate from block to block downwards, such as 0.75",
        group="optimiser",
        advanced=True,
    )
    learning_rate_scales: tuple[str, ...] = setting(
        (),
        "factors by stage or layer, such as head=10,stage1=0.1",
        group="optimiser",
        advanced=True,
    )

    schedule_per: str = setting(
        "step",
        "when the rate changes",
        choices=schedules.PER,
        group="schedule",
        advanced=True,
    )
    warmup: str = setting(
        "linear", "how it rises", choices=schedules.WARMUPS, group="schedule", advanced=True
    )
    cooldown_epochs: float = setting(
        0.0, "epochs at the end that keep the last rate", group="schedule", advanced=True
    )
    final_learning_rate: float = setting(
        0.0, "the rate does not fall below it", group="schedule", advanced=True
    )
    decay_rate: float | None = setting(
        None,
        "factor of step, multi_step, plateau (0.1) and exponential (0.97)",
        group="schedule",
        advanced=True,
    )
    decay_epochs: tuple[float, ...] = setting(
        (),
        "epochs of step, multi_step, exponential, cosine_restarts (first period), plateau (wait)",
        group="schedule",
        advanced=True,
    )
    decay_power: float = setting(1.0, "of polynomial", group="schedule", advanced=True)

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
    model_parallel: int = setting(
        1, "devices that one copy of the network is cut over, on JAX", group="run", advanced=True
    )
    hosts: str | None = setting(
        None,
        "several that train together, the same list on each; auto on JAX",
        metavar="A:PORT,B:PORT",
        group="run",
        advanced=True,
    )
    host_index: int | None = setting(
        None, "of this one in hosts, from 0", group="run", advanced=True
    )
    tensorboard: bool = setting(True, "write TensorBoard event files", group="run")
    profile: bool = setting(
        False, "first time some steps and say what limits them: input, host, device", group="run"
    )
    watch: bool = setting(
        False, "measure gradients, weights and dead units, warn and write them too", group="run"
    )
