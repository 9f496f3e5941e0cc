"""What the two training jobs do alike around their stages."""

import contextlib
import dataclasses
import functools
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import keras

from kapps import inspect, runs
from kapps.data import Dataset
from kapps.errors import RunError
from kapps.reports import run_page
from kapps.tasks import Task
from kapps.training import engine, pictures, rehearsal, replicas, resizing
from kapps.training.options import Options
from kapps.training.progress import say

# The course of a head's learning rate is its own: epochs of the network's say nothing about it.
HEAD = {
    "schedule": "cosine",
    "schedule_per": "step",
    "warmup": "linear",
    "cooldown_epochs": 0.0,
    "final_learning_rate": 0.0,
    "decay_rate": None,
    "decay_epochs": (),
    "recalibrate": 0,  # it has no BatchNorm
    "clip_adaptive": None,  # which leaves classifiers as they are
    "layer_decay": 1.0,
    "learning_rate_scales": (),
}


def plan(options, stage: str, **changes) -> engine.Plan:
    """The plan of a stage: the settings of the same names, and `changes`."""
    names = {field.name for field in dataclasses.fields(engine.Plan)}
    values = {name: value for name, value in vars(options).items() if name in names}
    return engine.Plan(**{**values, "stage": stage, **changes})


def begin(options, job: str, labels: list[str], spec: dict) -> runs.Run:
    """The new run folder, made by the leading process; arguments and errors: `Run.create`.

    Raises:
        RunError: another process of the training does not see it.
    """
    share = replicas.share()
    share.wait()  # until all have seen that there is none yet
    if share.leads:
        runs.Run.create(options.out, options, job, labels, spec)
    share.wait()
    run = runs.Run(options.out)
    if not (run.path / runs.SETTINGS).exists():
        raise RunError(
            f"--out {run.path} of the first host is not to be seen on this one, which --resume "
            "would need; use a folder that all hosts share."
        )
    return run


@dataclasses.dataclass(frozen=True)
class Job:
    """What the stages of a training have in common.

    Attributes:
        options: the settings, resolved.
        run: where it is recorded.
        task: what is learnt.
        share: of every batch, that this process trains on.
        splits: the parts of the data.
        validation: the pictures to judge by; None for none.
        whole: the network that is judged and saved; it takes over what another one learns.
        callbacks: the user's.
    """

    options: Options
    run: runs.Run
    task: Task
    share: replicas.Share
    splits: pictures.Splits
    validation: Dataset | None
    whole: keras.Model
    callbacks: Sequence

    def announce(self, network: str, train: Dataset) -> None:
        """Say what trains by what, and what is wrong with the pictures."""
        judged = self.validation.images if self.validation else 0
        say(
            f"{network}; {train.images} images to train on, {judged} to judge by, "
            f"{len(train.class_names)} {self.task.counted}"
        )
        if self.validation:
            say(f"validating on {self.splits.judged_by} ({judged} images)")
        for text in self.splits.warnings(train, self.validation):
            say(text)

    def fit(
        self,
        stages: Sequence[resizing.Stage],
        model: keras.Model,
        train: Dataset,
        history: list[dict],
        build: Callable[[int], keras.Model],
        **changes,
    ) -> list[dict]:
        """Train a network through stages of one course of the learning rate.

        Args:
            stages: one, or one for each size of pictures.
            model: of the first stage.
            train: the pictures of the first stage.
            history: the rows before.
            build: makes the network of a later stage, for pictures of a size.
            **changes: of the plan, see `plan`.

        Returns:
            The history: the given rows and one for each epoch.
        """
        # The last stage with a backup goes on; what was before it is done.
        done = [i for i, stage in enumerate(stages) if has_begun(self.run, stage.name)]
        pairs = list(zip([None, *stages], stages, strict=False))
        for before, stage in pairs[max(done, default=0) :]:
            if before:
                model = build(stage.size)
                train = self.splits.at(stage.size, stage.strength).train()
            resizing.weaken(model, stage.strength)
            history = self._fit(model, train, history, stage.plan(before) | changes)
            if before and self.options.sizes and self.share.leads:  # there may be hundreds
                (self.run.backup / f"{before.name}.npz").unlink(missing_ok=True)
        return history

    def _fit(self, model, train: Dataset, history: list[dict], changes: dict) -> list[dict]:
        first = inspect.channels_first(model)
        batches = pictures.Pictures(train, first)
        how = plan(self.options, **changes)
        how = rehearsal.rehearsed(
            self.options, self.run, how, model, batches, self.task, self.share
        )
        return engine.fit(
            model,
            batches,
            self.validation and pictures.Pictures(self.validation, first),
            how,
            task=self.task,
            run=self.run,
            history=history,
            twin=self.twin,
            share=self.share,
            callbacks=self.callbacks,
            pictures=self.validation and self.validation.pictures,
            renew=self.renewing(model),
        )

    def save(self, model: keras.Model) -> None:
        """Write what `model` has learnt outside of `engine.fit`, as `best` and `last`."""
        if renew := self.renewing(model):
            renew()
        self.run.save_model(self.twin, "last")
        self.run.save_model(self.twin, "best")

    def renewing(self, model) -> Callable[[], None] | None:
        """What gives `whole` the weights of `model`; None where it is the same."""
        return None if model is self.whole else partial(resizing.take_over, self.whole, model)

    @functools.cached_property
    def twin(self) -> keras.Model:
        """What is judged and saved: `whole`, as it answers."""
        return self.task.answering(self.whole)


def has_begun(run: runs.Run, stage: str) -> bool:
    """Whether an epoch of `stage` is backed up."""
    return (run.backup / f"{stage}.npz").exists()


@contextlib.contextmanager
def continuable(run: runs.Run, job: str) -> Iterator[None]:
    """Say how to go on when the block is interrupted by Ctrl-C.

    A run that this or an error ends before there is anything to go on from is removed, so that the
    same command with what was wrong in it put right is not refused.
    """
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        if run.is_begun_only and not (stopped and run.backup.exists()):  # which has the features
            if replicas.share().leads:
                shutil.rmtree(run.path, ignore_errors=True)  # the error is the news
        elif stopped:
            say(f"stopped; continue with: {runs.resume_command(run, job)}")
        raise


def finish(
    run: runs.Run, history: list[dict], metrics: Sequence[runs.Metric], began: float, **results
) -> dict:
    """Mark the run as finished, print its result; returns the data behind it.

    Args:
        run: the run.
        history: all its rows.
        metrics: of its task.
        began: `time.perf_counter()` at the start of this process's work.
        **results: more entries for metrics.json and the returned dict.
    """
    if not replicas.share().leads:
        return {}
    results = {"seconds": round(time.perf_counter() - began, 1), **results}
    run.write_history(history, metrics, finished=True, **results)
    report = run_page.write(run)
    best = runs.best_row(history, metrics[0])
    line = f"best: {best['stage']} epoch {best['epoch']}"
    if (name := f"val_{metrics[0].name}") in best:
        value = f"{best[name]:.2%}" if metrics[0].share else f"{best[name]:.4f}"
        line += f", {name} {value}, val_loss {best['val_loss']:.4f}"
    print(f"{line}, after {results['seconds']:.0f} s; the run is in {run.path}")
    print(f"look at {report}")
    return {"run": str(run.path), "best": best, "epochs": len(history), **results}
