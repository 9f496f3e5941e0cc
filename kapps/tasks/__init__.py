"""What is learnt: one task a file. The engine, the runs and the reports know none of them by name.

A task says what a picture is annotated with, the loss, the metrics, how a model is judged and how
an answer reads; see `Task`. `find` gives one by its name, your own by "module:Class".
"""

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
        options: with the field `task`, and fields of the names that the task takes; those that it
            lacks, or that are None, keep the task's own defaults.

    Raises:
        SettingsError: there is no such task, or a setting does not fit it.
    """
    kind = find(options.task)
    known = {name: value for name, value in vars(options).items() if value is not None}
    return kind(**{name: known[name] for name in kind.settings() if name in known})


def of_spec(spec: dict) -> Task:
    """The task of a model, as its input contract says; what was saved before there were others was
    a classifier.

    The task has its own defaults, which is enough to judge by and to read answers with.
    """
    return find(spec.get("task", DEFAULT))()
