"""What happens at the end of an epoch: judge, keep the best, warn, record, stop early."""

import contextlib
import math
import time

import keras

from kapps import runs
from kapps.errors import RunError
from kapps.reports import drawing, keeping, run_page
from kapps.training import (
    devices,
    lora,
    optimization,
    progress,
    resizing,
    schedules,
    state,
    watching,
)
from kapps.training.tensorboard import Writer


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
        self.health = None  # looks at the network itself, see `health`
        self.keeps_best, self.best = False, []  # whether, and the weights of the best epoch
        self.pictures = None  # gives those of `validation` by index
        self.renew = self.network = self.recalibration = None  # see `fit`; inside the model
        self.stopped = self.warned = False
        self.epoch, self.begun, self.looked = 0, 0.0, 0.0
        self.bar = self.advance = self.writer = self.speed = None

    def resume(self, model) -> int:
        """Restore the backup of this stage where there is one; returns the epochs done.

        A stage after another one begins with that one's backup, but for its history.
        """
        path = self._state_path()
        if self.plan.after and path is not None:
            self.share.wait()  # until the leader has written it
            if not path.exists():
                before = path.with_name(f"{self.plan.after}.npz")
                state.restore_state(before, model, resizing.fitter(self.network))
                return 0
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
            self.writer = Writer(self.run.tensorboard)

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
            # Not at the begin of the epoch: making the data iterator draws too.
            seed = self.plan.seed * 1_000_003 + self.epoch + self.share.stream * 10_007
            devices.seed_streams(seed % 2**32)

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        note = None
        if now - self.looked > progress.INTERVAL:
            self.looked = now
            loss = float(logs["loss"])  # waits for the device, so the speed is that of all of it
            if self.share.count == 1:  # several would not all stop at the same step
                self._refuse(loss, self.epoch + 1)
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
        self._refuse(row["loss"], epoch + 1)
        show = None
        with optimization.averaged_weights(self.model), self._recalibrated():
            if self.renew:
                self.renew()
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
            found = keeping.save(self.run, show(self.run.labels), self.pictures)
            if self.writer:
                tag = f"{self.plan.stage}/"
                drawn = drawing.images(found)
                self.writer.add_images(row["epoch"], {tag + k: v for k, v in drawn.items()})
        if self.share.told(self._is_stuck()):
            least = self.plan.final_learning_rate / self.plan.learning_rate
            optimization.reduce_rate(self.model, schedules.decay_rate(self.plan), least)
        self.stopped = self.share.told(self._patience_is_over())
        self.model.stop_training = self.stopped
        progress.say(progress.epoch_line(row, self.plan.epochs, self.task.metrics))
        if not self.warned and (text := watching.overfitting(self._rows())):
            self.warned = True
            progress.say(text)
        if self.health:
            for text in self.health.look(row, self.validation, self.writer):
                progress.say(text)
        if self.stopped:
            progress.say(f"stopping: no better epoch in {self.plan.patience} epochs")
        if self.writes:
            self._record(row)
        logs.update({name: value for name, value in row.items() if name.startswith("val_")})

    def _recalibrated(self):
        if self.recalibration is None:
            return contextlib.nullcontext()
        return self.recalibration.measured(self.train.epoch(self.epoch))

    def _refuse(self, loss: float, epoch: int) -> None:
        """Raise RunError where a loss is no longer a number."""
        if not math.isfinite(loss):
            raise RunError(
                f"the loss is {loss} in epoch {epoch}; lower learning_rate "
                f"(it was {self.plan.learning_rate})."
            )

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
