"""One training: compile, resume, fit, judge every epoch, record, stop early."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import keras
import numpy as np

from kapps import runs, tasks
from kapps.errors import RunError
from kapps.reports import keeping, run_page
from kapps.tasks import Task
from kapps.training import devices, lora, norms, optimization, progress, schedules, state, watching
from kapps.training.replicas import Share
from kapps.training.tensorboard import ScalarWriter


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
    """How to train one stage."""

    stage: str  # names the rows of the history and the file of the backup
    epochs: int
    learning_rate: float
    norm_momentum: str = "own"  # see `norms.set_momentum`
    patience: int | None = None  # epochs without a better one before stopping
    seed: int = 0
    jit_compile: str = "auto"  # "true", "false", or what is fastest on the backend


def compile_for(model, plan: Plan, steps: int, task: Task, network=None) -> None:
    """Give `model` the loss and the metrics of `task` and the optimiser of `plan`.

    Args:
        model: what trains.
        plan: the stage.
        steps: batches an epoch.
        task: what is learnt.
        network: what is inside `model`; None for `model` itself.

    Raises:
        ValueError: the warm-up does not fit, or a number is out of range.
    """
    norms.set_momentum(network or model, plan.norm_momentum, steps)
    optimizer = optimization.make_optimizer(
        model,
        schedules.make_schedule(plan, plan.learning_rate, plan.epochs, steps),
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
    compile_for(model, plan, train.steps, task, network)
    share = share or Share()
    backend = keras.config.backend()
    if share.count > 1 and plan.jit_compile == "true" and backend != "jax":
        raise ValueError(
            f"jit_compile=true does not go with distribute on {backend}, whose processes meet in "
            "the middle of a step; drop one of them."
        )
    judged = twin or network
    recorder = Recorder(train, validation, plan, task, run, list(history or []), judged, share)
    recorder.saves = recorder.writes and twin is not None
    recorder.keeps_best = keep_best
    recorder.pictures = pictures
    start = recorder.resume(model)
    if start < plan.epochs and not recorder.stopped:
        share.join(model)
        try:
            model.fit(
                devices.feed(train, start, plan.epochs),
                initial_epoch=start,
                epochs=plan.epochs,
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


class Recorder(keras.callbacks.Callback):
    """What happens at the end of an epoch, in the order that makes every moment safe to die in.

    The backup is written last: what is on disk before it is written again, equal, by the resumed
    run.
    """

    def __init__(self, train, validation, plan, task, run, history, twin, share):
        super().__init__()
        self.train, self.validation, self.plan, self.task = train, validation, plan, task
        self.run, self.history, self.twin, self.share = run, history, twin, share
        self.judged = share.alone(twin)
        self.writes = run is not None and share.leads
        self.saves = False  # whether models are written
        self.keeps_best, self.best = False, []  # whether, and the weights of the best epoch
        self.pictures = None  # gives those of `validation` by index
        self.stopped = self.warned = False
        self.epoch, self.begun, self.looked = 0, 0.0, 0.0
        self.bar = self.advance = self.writer = self.speed = None

    def resume(self, model) -> int:
        """Restore the backup of this stage where there is one; returns the epochs done."""
        path = self._state_path()
        if path is None or not path.exists():
            return 0
        done, self.best = state.restore_state(path, model)
        self.history, self.stopped = done["history"], done["stopped"]
        if self.writes:
            self.run.write_history(self.history, self.task.metrics)
        progress.say(f"continuing after epoch {done['epoch']} of {self.plan.stage}")
        return done["epoch"]

    def on_train_begin(self, logs=None):  # noqa: ARG002
        if self.writes and self.run.wants_tensorboard:
            self.writer = ScalarWriter(self.run.tensorboard)

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        self.epoch = epoch
        self.begun = self.looked = time.perf_counter()
        self.speed = progress.Speed(getattr(self.train, "batch_size", None))
        text = f"{self.plan.stage} {epoch + 1}/{self.plan.epochs}"
        self.bar = progress.bar(text, self.train.steps, "batches", quiet=True)
        self.advance = self.bar.__enter__()

    def close_bar(self) -> None:
        """Give the terminal back; also after Ctrl-C in the middle of an epoch."""
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
            self.bar = None

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        if batch == 0:
            # Dropout without a seed draws from torch's own stream, which a resumed process would
            # begin anew. Not at the begin of the epoch: making the data iterator draws too.
            seed = self.plan.seed * 1_000_003 + self.epoch + self.share.stream * 10_007
            keras.utils.set_random_seed(seed % 2**32)

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        note = None
        if now - self.looked > progress.INTERVAL:
            self.looked = now
            loss = float(logs["loss"])  # waits for the device, so the speed is that of all of it
            self.speed.mark(batch + 1)
            note = "  ".join([f"loss {loss:.4f}", *self.speed.notes(), *devices.memory_notes()])
        self.advance(1, note)

    def on_epoch_end(self, epoch, logs=None):
        self.close_bar()
        self.share.average(self.model)
        trained = ["loss", *(m.name for m in self.task.metrics if m.trained)]
        trained = list(dict.fromkeys(trained))
        means = self.share.mean(*(float(logs[name]) for name in trained))
        row = {
            "stage": self.plan.stage,
            "epoch": epoch + 1,
            "seconds": 0.0,
            "learning_rate": float(self.model.optimizer.learning_rate),
            **dict(zip(trained, means, strict=True)),
        }
        if not math.isfinite(row["loss"]):
            raise RunError(
                f"the loss is {row['loss']} in epoch {epoch + 1}; lower learning_rate "
                f"(it was {self.plan.learning_rate})."
            )
        show = None
        with optimization.averaged_weights(self.model):
            if self.validation is not None:
                found, show = self.task.examine(self.judged, self.validation)
                row |= {f"val_{name}": value for name, value in found.items()}
            row["seconds"] = round(time.perf_counter() - self.begun, 3)
            self.history.append(row)
            # Only who keeps or writes asks: of several processes the others have judged nothing.
            looks = self.keeps_best or self.saves
            is_best = looks and runs.best_row(self.history, self.task.metrics[0]) is row
            if self.keeps_best and is_best:
                self.best = [state.to_numpy(variable) for variable in self.model.weights]
            if self.saves:
                with self.share.at_home(self.twin), lora.merged(self.twin):
                    self.run.save_model(self.twin, "last")
                    if is_best:
                        self.run.save_model(self.twin, "best")
        if self.writes and is_best and show:
            keeping.save(self.run, show(self.run.labels), self.pictures)
        if self.share.told(self._is_stuck()):
            least = self.plan.final_learning_rate / self.plan.learning_rate
            optimization.reduce_rate(self.model, schedules.decay_rate(self.plan), least)
        self.stopped = self.share.told(self._patience_is_over())
        self.model.stop_training = self.stopped
        progress.say(progress.epoch_line(row, self.plan.epochs, self.task.metrics))
        if not self.warned and (text := watching.overfitting(self._rows())):
            self.warned = True
            progress.say(text)
        if self.stopped:
            progress.say(f"stopping: no better epoch in {self.plan.patience} epochs")
        if self.writes:
            self._record(row)
        logs.update({name: value for name, value in row.items() if name.startswith("val_")})

    def _record(self, row: dict) -> None:
        done = {"epoch": row["epoch"], "history": self.history, "stopped": self.stopped}
        state.save_state(self._state_path(), self.model, done, self.best)
        self.run.write_history(self.history, self.task.metrics)
        run_page.write(self.run)
        if self.writer:
            numbers = {k: v for k, v in row.items() if k not in ("stage", "epoch", "seconds")}
            self.writer.add(row["epoch"], {f"{row['stage']}/{k}": v for k, v in numbers.items()})

    def _state_path(self):
        return None if self.run is None else self.run.backup / f"{self.plan.stage}.npz"

    def _rows(self) -> list[dict]:
        return [row for row in self.history if row["stage"] == self.plan.stage]

    def _patience_is_over(self) -> bool:
        return self.plan.patience is not None and self._since_better() >= self.plan.patience

    def _is_stuck(self) -> bool:
        """Whether schedule=plateau lowers the rate after this epoch.

        The epochs since the last time it did are those that began with the rate of now.
        """
        if self.plan.schedule != "plateau":
            return False
        rows = self._rows()
        same = 0
        while same < len(rows) and rows[-1 - same]["learning_rate"] == rows[-1]["learning_rate"]:
            same += 1
        return schedules.is_stuck(min(self._since_better(), same), self.plan)

    def _since_better(self) -> int:
        """Epochs of this stage after its best one; 0 where nothing judges."""
        rows = self._rows()
        if self.validation is None or not self.share.leads:
            return 0
        return len(rows) - 1 - rows.index(min(rows, key=runs.rank(self.task.metrics[0])))
