"""What is learnt: one task a file. The engine, the runs and the reports know none of them by name.

A task says what a picture is annotated with, the loss, the metrics, how a model is judged and how
an answer reads; see `Task`. `find` gives one by its name, your own by "module:Class".
"""

import dataclasses
import json
import zipfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from kapps.applications import get, task_of
from kapps.data import functions
from kapps.errors import SettingsError, did_you_mean
from kapps.runs import Metric
from kapps.tasks.supervised import Supervised
from kapps.tasks.task import Task

if TYPE_CHECKING:
    import keras

DEFAULT = "classification"
TASKS = {  # name -> module and class; imported when it is asked for
    "classification": ("kapps.tasks.classification", "Classification"),
    "multilabel": ("kapps.tasks.multilabel", "Multilabel"),
    "regression": ("kapps.tasks.regression", "Regression"),
    "distillation": ("kapps.tasks.distillation", "Distillation"),
    "detection": ("kapps.tasks.detection", "Detection"),
    "segmentation": ("kapps.tasks.segmentation", "Segmentation"),
}
AUTO = "auto"  # the task that a model is for

__all__ = [
    "AUTO",
    "DEFAULT",
    "TASKS",
    "Metric",
    "Supervised",
    "Task",
    "find",
    "make",
    "of_model",
    "of_network",
    "of_spec",
]


def find(name: str) -> type[Task]:
    """The class of a task.

    Args:
        name: one of TASKS, or "module:Class" of your own.

    Raises:
        SettingsError: there is no such task, or that is not one.
    """
    if ":" in name:
        found = functions.load(name, "task")
        if not (isinstance(found, type) and issubclass(found, Task)):
            raise SettingsError(f"task={name!r} is no subclass of kapps.tasks.Task.")
        return found
    if name not in TASKS:
        names = f"; the tasks are {', '.join(TASKS)}, or your own as module:Class."
        raise SettingsError(f"task={name!r} is not a task{did_you_mean(name, TASKS, names)}")
    module, attribute = TASKS[name]
    return getattr(import_module(module), attribute)


def make(options: object) -> Task:
    """The task that the settings of a job name, told what they say.

    Args:
        options: a dataclass with the field `task`; of the fields of the group "task", those that
            the task takes are given to it unless they are None; `task_arguments`, words such as
            "margin=0.2", are the arguments of a task of one's own.

    Raises:
        SettingsError: there is no such task, or a setting does not fit it.
    """
    from kapps.applications.named import arguments_of

    kind = find(of_model(options.model) if options.task == AUTO else options.task)
    takes = kind.settings()
    given = _told(kind, _spec_of(getattr(options, "model", None)))
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.metadata.get("group") == "task" and field.name in takes and value is not None:
            given[field.name] = value
    own = arguments_of(options.task_arguments)
    if strange := sorted(own.keys() - set(takes)):
        its = ", ".join(takes) or "none"
        raise SettingsError(
            f"task_arguments: task={options.task} has no argument {strange[0]!r}; it has {its}."
        )
    return kind(**given | own)


def of_spec(spec: dict, **settings: object) -> Task:
    """The task of a model, as its input contract says; what was saved before there were others was
    a classifier.

    Args:
        spec: of the model.
        settings: of the task; its own defaults are enough to judge by and to read answers with.

    Raises:
        SettingsError: a setting that the task does not have.
    """
    name = spec.get("task", DEFAULT)
    kind = find(name)
    for setting in settings:
        if setting not in kind.settings():
            raise SettingsError(f"{setting} has no effect on task={name}; drop it.")
    return kind(**_told(kind, spec) | settings)


def of_model(model: str) -> str:
    """The task that a network is trained for unless another is named.

    It is the `task` of its application. A file or a run knows of which kind its network is: one for
    several labels is a classifier too, and learns classes unless told.

    Args:
        model: an application, a run, a bundle or a file; what is none of them is said later.
    """
    path = Path(model)
    try:
        if path.exists():
            return find(_spec_at(path).get("task", DEFAULT)).head
        return getattr(get(model), "task", DEFAULT) if "/" in model else task_of(model)
    except ValueError:  # whoever opens it says why; a task of one's own may be out of reach
        return DEFAULT


def of_network(network: "keras.Model", name: str = AUTO) -> Task:
    """The task of a Keras model: `name`, or the one that it is for; one that was built elsewhere is
    taken for a classifier.

    Raises:
        SettingsError: there is no such task.
    """
    from kapps.layers import spec_of

    try:
        spec = spec_of(network)
        own = find(spec.get("task", DEFAULT)).head
    except ValueError:
        spec, own = {}, DEFAULT
    kind = find(own if name == AUTO else name)
    return kind(**_told(kind, spec))


def _told(kind: type[Task], spec: dict) -> dict:
    """What a task is told of the network that it is for: by which annotation that learns."""
    known = "annotation" in kind.settings() and spec.get("annotation")
    return {"annotation": known} if known else {}


def _spec_of(model: str | None) -> dict:
    """The input contract of what `of_model` takes; {} where there is none."""
    if model is None:
        return {}
    path = Path(model)
    try:
        if path.exists():
            return _spec_at(path)
        return {"annotation": getattr(get(model), "annotation", None)}
    except ValueError:  # whoever opens it says why
        return {}


def _spec_at(path: Path) -> dict:
    """The input contract in a run, a bundle or a `.keras` file; {} where there is none."""
    folder = path.parent if path.suffix in (".tflite", ".onnx") else path
    if folder.is_dir():
        spec = folder / "spec.json"
        return json.loads(spec.read_text("utf-8")) if spec.is_file() else {}
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        if "config.json" not in archive.namelist():
            return {}
        return _carried(json.loads(archive.read("config.json")))


def _carried(config: object) -> dict:
    """The spec of the `Normalize` layer in the configuration of a model."""
    if isinstance(config, dict):
        if config.get("class_name") == "Normalize":
            return config["config"].get("spec") or {}
        config = list(config.values())
    if isinstance(config, list):
        for one in config:
            if found := _carried(one):
                return found
    return {}
