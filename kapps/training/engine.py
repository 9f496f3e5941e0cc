"""One training: compile, resume, fit, judge every epoch, record, stop early."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import keras
import numpy as np

from kapps import runs, tasks
from kapps.tasks import Task
from kapps.training import devices, norms, optimization, schedules
from kapps.training.health import Health
from kapps.training.recalibration import Recalibration
from kapps.training.recording import Recorder
from kapps.training.replicas import Share


class EpochData(Protocol):
    """Training data whose order and augmentation depend on a seed and the epoch's number only.

    A batch is (pictures, annotations), each an array or a tuple or dict of arrays, as the task has
    it; for a classifier uint8 images, and class numbers or rows of probability.
    """

    steps: int  # batches an epoch, all of the same size

    def epoch(self, number: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """The batches of an epoch."""


class JudgeData(Protocol):
    """Pictures to judge by, always in the same order."""

    batch_size: int

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The (pictures, annotations) batches."""


@dataclasses.dataclass(frozen=True)
class Plan(optimization.Updates, schedules.Course):
    """How to train one stage.

    Attributes:
        begin, end: of the epochs those from begin to end - 1; None for the last. The course of the
            learning rate is that of all epochs.
        after: the stage of the epochs before, with which another network of the same layers ended:
            its state is where this one begins.
        recalibrate: batches for `recalibration`, before each judgement; 0 for none.
    """

    stage: str  # names the rows of the history and the file of the backup
    epochs: int
    learning_rate: float
    norm_momentum: str = "own"  # see `norms.set_momentum`
    patience: int | None = None  # epochs without a better one before stopping
    seed: int = 0
    watch: bool = False  # look at gradients, weights and units too, see `health`
    jit_compile: str = "auto"  # "true", "false", or what is fastest on the backend
    begin: int = 0
    end: int | None = None
    after: str | None = None
    recalibrate: int = 0


def compile_for(model, plan: Plan, steps: int, task: Task, network=None, rate=None) -> None:
    """Give `model` the loss and the metrics of `task` and the optimiser of `plan`.

    Args:
        model: what trains.
        plan: the stage.
        steps: batches an epoch.
        task: what is learnt.
        network: what is inside `model`; None for `model` itself.
        rate: learning rate or schedule, counted in batches; None for that of the plan.

    Raises:
        ValueError: the warm-up does not fit, or a number is out of range.
    """
    norms.set_momentum(network or model, plan.norm_momentum, steps)
    optimizer = optimization.make_optimizer(
        model,
        rate or schedules.make_schedule(plan, plan.learning_rate, plan.epochs, steps),
        plan,
        network=network,
        reducible=plan.schedule == "plateau",
    )
    model.compile(
        optimizer=optimizer,
        **task.compiled(network or model),
        # Keras's "auto": on JAX yes, on TensorFlow on a GPU, on torch no. On a CPU, XLA made
        # TensorFlow's step of MobileNetV2 4.5 times longer (`tools.benchmarks jit`).
        jit_compile={"true": True, "false": False, "auto": "auto"}[plan.jit_compile],
    )
    model.optimizer.build(model.trainable_variables)
    devices.join_optimizer(model)
    devices.compile_step(model)


def fit(
    model,
    train: EpochData,
    validation: JudgeData | None,
    plan: Plan,
    *,
    task: Task | None = None,
    run: runs.Run | None = None,
    history: list[dict] | None = None,
    twin=None,
    share: Share | None = None,
    keep_best: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    pictures: Callable[[Sequence[int]], Sequence[np.ndarray]] | None = None,
    renew: Callable[[], None] | None = None,
) -> list[dict]:
    """Train `model` by `plan`; afterwards it holds the (averaged) weights of the last epoch.

    With `run`, every epoch ends in a backup from which the same call continues, and the run's
    `best.keras`, `last.keras`, metrics and event files are kept up to date.

    Args:
        model: what to train; compiled here, inside the scope of its distribution.
        train: the training batches.
        validation: pictures to judge each epoch by; None for none.
        plan: how.
        task: what is learnt; None for one class a picture.
        run: where to record; None records nothing.
        history: rows of the stages before this one.
        twin: an uncompiled model on the same variables: it is judged and saved. None judges
            `model` and saves none.
        share: where several processes train together, the one of this; only the leading one
            judges by `validation` and writes.
        keep_best: end with the weights of this stage's best epoch instead, see `runs.best_row`.
            They are held in memory and in every backup.
        callbacks: your own; they see the epoch's judgement too, as `val_` and each metric's name.
        pictures: gives those of `validation` by index, for the report of the run.
        renew: gives `twin` the weights of `model`, where it has variables of its own.

    Returns:
        The history: the given rows and one for each epoch, see `runs.columns`.

    Raises:
        RunError: the loss is no longer a number, or the backup cannot be used.
        ValueError: the plan does not fit the data.
    """
    if train.steps < 1:
        raise ValueError("there is no full batch of training images; lower batch_size.")
    task = task or tasks.find(tasks.DEFAULT)()
    network, model = model, task.trainee(model)
    train = task.batches(train)
    share = share or Share()
    measured = Recalibration(network, plan.recalibrate, share) if plan.recalibrate else None
    compile_for(model, plan, train.steps, task, network)
    backend = keras.config.backend()
    if share.count > 1 and plan.jit_compile == "true" and backend != "jax":
        raise ValueError(
            f"jit_compile=true does not go with distribute on {backend}, whose processes meet in "
            "the middle of a step; drop one of them."
        )
    judged = twin or network
    recorder = Recorder(train, validation, plan, task, run, list(history or []), judged, share)
    recorder.saves, recorder.renew = recorder.writes and twin is not None, renew
    recorder.network, recorder.recalibration = network, measured
    recorder.keeps_best = keep_best
    recorder.pictures = pictures
    if plan.watch:
        recorder.health = Health(model, network, share.count == 1)
    start = max(recorder.resume(model), plan.begin)
    end = plan.epochs if plan.end is None else plan.end
    if start < end and not recorder.stopped:
        share.join(model)
        try:
            model.fit(
                devices.feed(train, start, end),
                initial_epoch=start,
                epochs=end,
                steps_per_epoch=train.steps,
                callbacks=[recorder, *callbacks],
                shuffle=False,
                verbose=0,
            )
        finally:
            recorder.close_bar()
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    if recorder.best:
        model.set_weights(recorder.best)
    return recorder.history
