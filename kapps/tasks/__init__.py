"""What is learnt: one task a file. The engine, the runs and the reports know none of them by name.

A task says what a picture is annotated with, the loss, the metrics, how a model is judged and how
an answer reads; see `Task`. `find` gives one by its name, your own by "module:Class".
"""

import dataclasses
from importlib import import_module

from kapps.data import functions
from kapps.errors import SettingsError, did_you_mean
from kapps.tasks.task import Metric, Supervised, Task

DEFAULT = "classification"
TASKS = {  # name -> module and class; imported when it is asked for
    "classification": ("kapps.tasks.classification", "Classification"),
    "multilabel": ("kapps.tasks.multilabel", "Multilabel"),
    "regression": ("kapps.tasks.regression", "Regression"),
    "distillation": ("kapps.tasks.distillation", "Distillation"),
}

__all__ = ["DEFAULT", "TASKS", "Metric", "Supervised", "Task", "find", "make", "of_spec"]


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
    from kapps.applications._named import arguments_of

    kind = find(options.task)
    takes = kind.settings()
    given = {}
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


def of_spec(spec: dict) -> Task:
    """The task of a model, as its input contract says; what was saved before there were others was
    a classifier.

    The task has its own defaults, which is enough to judge by and to read answers with.
    """
    return find(spec.get("task", DEFAULT))()
