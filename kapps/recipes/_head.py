"""The first phase of `kapps finetune`: what is new, on what the frozen network says once."""

import dataclasses
import time

import keras
import numpy as np

from kapps import inspect
from kapps.errors import SettingsError
from kapps.files import atomic_write
from kapps.runs import Run
from kapps.training import engine, features, freezing, job, pictures
from kapps.training.maps import OnMaps
from kapps.training.progress import say
from kapps.training.replicas import Share

WEIGHTS = "classifier.npz"  # in the backup of a run, for the other hosts


def apart(settings, task, share: Share) -> bool:
    """Whether the leading process trains it before the devices of all hosts are joined.

    On JAX and TensorFlow a variable is made on all hosts at once, so there is nothing that one of
    them could train alone.
    """
    several = share.count > 1 and keras.config.backend() != "torch"
    return bool(settings.epochs_head) and task.on_features and several


def check(settings, task, model: keras.Model) -> None:
    """Raise SettingsError where there are no new layers that could train on maps."""
    if settings.epochs_maps and (task.on_features or not task.fresh(model)):
        raise SettingsError(
            f"epochs_maps={settings.epochs_maps} trains the new layers of a detector or segmenter, "
            f"and {model.name} has none of task {settings.task}; drop it."
        )


def train(training: job.Job, model: keras.Model, devices: int) -> tuple[list[dict], float | None]:
    """Train the classifier of `model`, or what a detector or segmenter has new where `epochs_maps`
    says so; returns the rows and the seconds of the frozen network.

    Args:
        training: what the stages have in common; `last` and `best` of its run are written.
        model: ends in the classifier.
        devices: on how many this process trains.
    """
    settings, run, splits, task = training.options, training.run, training.splits, training.task
    if settings.epochs_maps:
        return _train_on_maps(training, model), None
    if not task.on_features:
        say(f"task {settings.task} trains the whole network from the start: no head phase")
        return [], None
    say(f"training the classifier on cached features: {freezing.unfreeze(model, 'none')}")
    began = time.perf_counter()
    backbone = features.backbone_of(model)
    first = inspect.channels_first(model)

    def extract(dataset, part: str) -> features.Features:
        key = {"part": part, "names": dataset.names, "classes": list(dataset.class_names)}
        key["data"] = settings.val if settings.val and part == "judge by" else settings.data
        return features.extract(
            backbone,
            pictures.Pictures(dataset, first),
            dataset.batch_size,
            dataset.images,
            folder=run.backup / "features",
            key={**key, "transform": dataset.transform.to_dict()},
            text=f"features of the images to {part}",
        )

    train_features = extract(splits.plain(), "train on")
    validation = dataclasses.replace(splits, test_size=None).validation()
    judge_features = validation and extract(validation, "judge by")
    seconds = round(time.perf_counter() - began, 2)
    history = features.train_head(
        model,
        train_features,
        judge_features,
        _plan(settings, "head", settings.epochs_head, accumulate=1),
        settings.batch_size_head,
        task=task,
        run=run,
        devices=devices,
        balance=settings.balance,
        callbacks=training.callbacks,
        pictures=validation and validation.pictures,
    )
    training.save(model)
    return history, seconds


def _plan(settings, stage: str, epochs: int, **more) -> engine.Plan:
    """Of a phase in which only what is new trains; a quarter of it warms up at most."""
    return job.plan(
        settings,
        stage,
        epochs=epochs,
        learning_rate=settings.learning_rate_head,
        warmup_epochs=min(settings.warmup_epochs, epochs / 4),
        **job.HEAD,
        **more,
    )


def _train_on_maps(training: job.Job, model: keras.Model) -> list[dict]:
    """Train the new layers of `model` on maps of pictures that are cut as those to judge by."""
    settings, task = training.options, training.task
    new = task.fresh(model)
    say(f"training on cached maps: {freezing.unfreeze(model, 'none', fresh=new)}")
    plain, first = training.splits.plain(), inspect.channels_first(model)
    return engine.fit(
        model,
        pictures.Pictures(plain, first),
        training.validation and pictures.Pictures(training.validation, first),
        _plan(settings, "maps", settings.epochs_maps),
        task=OnMaps(task, plain.images, settings.batch_size, settings.seed),
        run=training.run,
        twin=training.twin,
        callbacks=training.callbacks,
        pictures=training.validation and training.validation.pictures,
        renew=training.renewing(model),
    )


def hand_over(run: Run, model: keras.Model) -> None:
    """Leave the classifier where the other hosts find it."""
    with atomic_write(run.backup / WEIGHTS) as file:
        np.savez(file, *features.classifier_of(model).get_weights())


def take(run: Run, model: keras.Model) -> None:
    """Give `model` the classifier that `hand_over` left."""
    with np.load(run.backup / WEIGHTS) as arrays:
        features.classifier_of(model).set_weights([arrays[name] for name in arrays.files])
