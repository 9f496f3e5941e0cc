"""A run folder: what a training writes into it, and how the other jobs read it."""

import csv
import dataclasses
import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from kapps.errors import MissingFileError, RunError
from kapps.files import atomic_folder, atomic_path, atomic_write
from kapps.runs.ranking import Metric, best_row, columns

SETTINGS = "settings.yaml"
RESULTS = ("metrics.json", "learning_rate.json", "profile.json")  # the first of them after an epoch


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
