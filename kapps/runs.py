"""The run folder: what a training leaves behind, and what the other jobs read.

    settings.yaml      the resolved settings          best.keras    of the best epoch
    environment.json   versions, devices, command     last.keras    after the last epoch
    labels.txt         one class a line, in order     metrics.csv   one row an epoch
    spec.json          input contract of the model    metrics.json  the same, and the best row
    tensorboard/       event files                    backup/       what --resume needs
    report.html        all of it, to look at          findings.json what the best epoch answers
    learning_rate.html, .json  of find_lr             profile.json  of profile

Each file is written whole or not at all.
"""

import csv
import dataclasses
import io
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from kapps.errors import MissingFileError, RunError
from kapps.files import atomic_folder, atomic_path, atomic_write

SETTINGS = "settings.yaml"
# What may differ when a run is continued, or between its hosts.
OF_THE_PROCESS = ("resume", "hosts", "host_index", "profile")
COLUMNS = ("stage", "epoch", "seconds", "learning_rate")  # and those of the task
RESULTS = ("metrics.json", "learning_rate.json", "profile.json")  # the first of them after an epoch


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number that a model is judged by.

    Attributes:
        name: its column in metrics.csv for the training batches; `val_` and the name for the
            pictures to judge by.
        higher: whether more is better.
        share: whether it is a share in 0..1, printed as percent.
        trained: whether there is the column for the training batches.
    """

    name: str
    higher: bool = True
    share: bool = True
    trained: bool = True


class Run:
    """A run folder on disk; make one with `Run.create`, find one with `Run.open`."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)

    @classmethod
    def create(
        cls, path: str | os.PathLike, settings, job: str, labels: list[str], spec: dict
    ) -> "Run":
        """A new run folder, holding all that is known before the first epoch.

        Args:
            path: must not exist yet, or be an empty folder.
            settings: the settings dataclass of the job.
            job: "train" or "finetune".
            labels: class names in the order of the model's outputs.
            spec: the model's input contract.

        Raises:
            RunError: there is something at `path`.
            FileWriteError: the folder cannot be written.
        """
        from kapps.cli.settings import to_yaml

        refuse_existing(path)
        with atomic_folder(path) as folder:
            to_yaml(settings, folder / SETTINGS)
            _write_json(folder / "environment.json", environment(job))
            _write_json(folder / "spec.json", spec)
            (folder / "labels.txt").write_text("".join(f"{name}\n" for name in labels), "utf-8")
        return cls(path)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """The run folder at `path`.

        Raises:
            MissingFileError: there is nothing.
            RunError: it is something else.
        """
        path = Path(path)
        if not path.exists():
            raise MissingFileError(f"there is no run folder {path}; check the path.")
        if not (path / SETTINGS).is_file():
            raise RunError(
                f"{path} is not a run folder (it has no {SETTINGS}); give the --out of a training."
            )
        return cls(path)

    @property
    def best(self) -> Path:
        """The model of the best epoch, by the first metric of its task."""
        return self._existing("best.keras")

    @property
    def last(self) -> Path:
        """The model after the last finished epoch."""
        return self._existing("last.keras")

    @property
    def is_begun_only(self) -> bool:
        """Whether it holds nothing that a training found out: no epoch of it has ended."""
        return not any((self.path / name).exists() for name in RESULTS)

    @property
    def backup(self) -> Path:
        """The folder of what `--resume` needs."""
        return self.path / "backup"

    @property
    def tensorboard(self) -> Path:
        """The folder of the event files."""
        return self.path / "tensorboard"

    @property
    def settings(self) -> dict:
        """The resolved settings."""
        import yaml

        return yaml.safe_load((self.path / SETTINGS).read_text(encoding="utf-8"))

    @property
    def wants_tensorboard(self) -> bool:
        """Whether event files are written; yes unless the settings say no."""
        return self.settings.get("tensorboard", True)

    @property
    def environment(self) -> dict:
        """Job, versions, backend and devices of the process that began the run."""
        return json.loads((self.path / "environment.json").read_text(encoding="utf-8"))

    @property
    def labels(self) -> list[str]:
        """Class names in the order of the model's outputs."""
        return self._existing("labels.txt").read_text(encoding="utf-8").splitlines()

    @property
    def spec(self) -> dict:
        """The model's input contract: `kapps.layers.spec_of`, with size, classes and backend."""
        return json.loads(self._existing("spec.json").read_text(encoding="utf-8"))

    @property
    def metrics(self) -> dict:
        """`history` (a row an epoch), `best` (one of them), `metrics` (what there is of each),
        `finished`, and the job's results."""
        return json.loads(self._existing("metrics.json").read_text(encoding="utf-8"))

    def load_model(self, which: str = "best"):
        """The Keras model: which="best" or "last"."""
        import keras

        import kapps.layers  # noqa: F401  registers what the file may hold

        return keras.saving.load_model(self.last if which == "last" else self.best)

    def save_model(self, model, name: str) -> None:
        """Write a model as `best.keras` or `last.keras`."""
        with atomic_path(self.path / f"{name}.keras") as path:
            model.save(path)

    def write_history(
        self, history: list[dict], metrics: Sequence[Metric], finished: bool = False, **results
    ) -> None:
        """Write metrics.csv and metrics.json.

        Args:
            history: a row an epoch, see `columns`.
            metrics: of the task, the one that ranks epochs first.
            finished: the training is over.
            **results: more entries of metrics.json, such as the seconds of the stages.
        """
        text = io.StringIO()
        table = csv.DictWriter(text, columns(metrics), lineterminator="\n")
        table.writeheader()
        table.writerows(history)
        with atomic_write(self.path / "metrics.csv", "w") as file:
            file.write(text.getvalue())
        best = best_row(history, metrics[0])
        kinds = [dataclasses.asdict(metric) for metric in metrics]
        values = {"best": best, "history": history, "metrics": kinds, "finished": finished}
        values |= results
        _write_json(self.path / "metrics.json", values)

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise RunError(
                f"the run {self.path} has no {name} yet; let its training finish an epoch: "
                f"{resume_command(self, self.environment['job'])}"
            )
        return path


def resume_command(run: Run, job: str) -> str:
    """What to type to continue a run."""
    return f"kapps {job} --config {run.path / SETTINGS} --resume"


def refuse_existing(path: str | os.PathLike) -> None:
    """Raise RunError where a new run at `path` would write over something."""
    path = Path(path)
    if path.is_file():
        raise RunError(f"--out {path} is a file; choose another --out.")
    if (path / SETTINGS).exists():
        only = " of which no epoch has ended" if Run(path).is_begun_only else ""
        raise RunError(
            f"--out {path} holds a run{only}; add --resume to continue it, or choose another."
        )
    if path.is_dir() and any(path.iterdir()):
        raise RunError(f"--out {path} is a folder with other files in it; choose another --out.")


def resumable(settings, job: str) -> Run | None:
    """The run that a job should continue; None when it should create one. Nothing is written.

    Args:
        settings: resolved settings with the fields `out` and `resume`.
        job: "train" or "finetune".

    Raises:
        RunError: `out` exists without --resume; or it belongs to another job, to other settings or
            to another backend.
    """
    path = Path(settings.out)
    if not settings.resume or not (path / SETTINGS).exists():
        # With --resume too: what restarts a job cannot know whether it died before its first file.
        refuse_existing(path)
        return None
    run = Run.open(path)
    began = run.environment
    if began["job"] != job:
        raise RunError(f"{path} is a run of `kapps {began['job']}`, not of `kapps {job}`.")
    refuse_changes(run, settings)
    backend = environment(job)["backend"]
    if began["backend"] != backend:
        raise RunError(
            f"{path} was trained on {began['backend']} and this is {backend}; "
            f"resume with --backend {began['backend']}."
        )
    return run


def as_begun(settings):
    """The settings; to resume a run of an earlier version, which did not have all of them, those
    that it lacked mean what they meant then, see `kapps.cli.settings.setting`.

    Args:
        settings: with the fields `out` and `resume`, as the user gave them.

    Raises:
        RunError: one of them is given another value.
    """
    from kapps.cli.settings import before_there_was

    path = Path(settings.out)
    if not settings.resume or not (path / SETTINGS).exists():
        return settings
    old, defaults = Run.open(path).settings, type(settings).__dataclass_fields__
    changes = {k: v for k, v in before_there_was(type(settings)).items() if k not in old}
    for name, value in changes.items():
        if getattr(settings, name) not in (value, defaults[name].default):
            raise RunError(
                f"the run {path} was begun before there was the setting {name!r}, which is "
                f"{getattr(settings, name)!r} now; drop it or choose another --out."
            )
    return dataclasses.replace(settings, **changes)


def refuse_changes(run: Run, settings) -> None:
    """Raise RunError, naming the key, where `settings` differ from the run's."""
    from kapps.cli.settings import to_dict

    old = run.settings
    for key, value in to_dict(settings).items():
        if key not in OF_THE_PROCESS and key in old and old[key] != value:
            raise RunError(
                f"the run {run.path} was begun with {key}={old.get(key)!r}, not {value!r}; resume "
                f"with its own settings ({resume_command(run, run.environment['job'])}) or choose "
                "another --out."
            )


def columns(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The columns of metrics.csv for a task: what is in a row of its history."""
    trained = [metric.name for metric in metrics if metric.trained]
    judged = [f"val_{metric.name}" for metric in metrics]
    names = (*COLUMNS, "loss", *trained, "val_loss", *judged)
    return tuple(dict.fromkeys(names))  # `loss` may itself be a metric


def best_row(history: list[dict], metric: Metric) -> dict | None:
    """The first row that is best by `metric` on what the run is judged by, equal ones by loss.

    Without pictures to judge by, the last row of all is the best guess.
    """
    if not history or f"val_{metric.name}" not in history[0]:
        return history[-1] if history else None
    return min(history, key=rank(metric))


def rank(metric: Metric) -> Callable[[dict], tuple[float, float]]:
    """A sort key of rows, the better first."""
    sign = -1 if metric.higher else 1
    return lambda row: (sign * row[f"val_{metric.name}"], row["val_loss"])


def environment(job: str) -> dict:
    """Job, command, versions, backend and devices of this process."""
    import keras

    backend = keras.config.backend()
    if backend == "torch":  # for which Keras has no list of devices
        devices = [str(keras.ops.zeros(()).device)]
    else:
        devices = keras.distribution.list_devices()
    packages = ("kapps", "keras", "numpy", "pillow", "tensorflow", "jax", "torch")
    versions = {name: _version(name) for name in packages}
    return {
        "job": job,
        "command": sys.argv,
        "backend": backend,
        "devices": devices,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: version for name, version in versions.items() if version},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _write_json(path: Path, values: dict) -> None:
    with atomic_write(path, "w") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
