"""Train a model from Python in one call, without a run folder."""

import dataclasses
from collections.abc import Sequence
from difflib import get_close_matches

import keras

from kapps import data, inspect, tasks
from kapps.training import engine, pictures


def fit(
    model: keras.Model,
    train,
    validation=None,
    *,
    epochs: int = 20,
    learning_rate: float = 1e-3,
    task: str | tasks.Task = tasks.AUTO,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    **plan,
) -> list[dict]:
    """Train `model` as `kapps train` does, here and now.

    Args:
        model: a keras.Model, one of `kapps.applications` or your own.
        train: a `kapps.data.Dataset` loaded with training=True and drop_remainder=True, or your own
            `kapps.training.engine.EpochData`.
        validation: a `kapps.data.Dataset` to judge each epoch by; None for none.
        epochs: passes over the pictures.
        learning_rate: its peak.
        task: a name of `kapps.tasks.TASKS`, "module:Class", or a task with settings of its own;
            "auto" is that of the application.
        callbacks: Keras's or your own.
        **plan: any other field of `kapps.training.engine.Plan`, such as optimizer="sgd",
            weight_decay=0.01, ema=0.99, schedule="one_cycle", seed=1.

    Returns:
        A row for each epoch: loss and the task's metrics, on the training batches and, as `val_`
        and their name, on `validation`. The model holds the weights of the last epoch.

    Raises:
        TypeError: there is no such field.
        ValueError, KappsError: see `kapps.training.engine.fit`.
    """
    names = {field.name for field in dataclasses.fields(engine.Plan)}
    for name in plan:
        if name not in names or name == "stage":
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are {sorted(names)}."
            raise TypeError(f"fit has no argument {name!r}; {hint}")
    first = inspect.channels_first(model)

    def batches(dataset):
        return pictures.Pictures(dataset, first) if isinstance(dataset, data.Dataset) else dataset

    if isinstance(task, str):
        task = tasks.of_network(model, task)
    if isinstance(train, data.Dataset):
        task.see(train.labels, train.class_names)
    return engine.fit(
        model,
        batches(train),
        batches(validation) if validation is not None else None,
        engine.Plan("train", epochs, learning_rate, **plan),
        task=task,
        callbacks=callbacks,
    )
