"""Data sets of `kapps.data` in the form that `engine.fit` takes, in the model's data format."""

import dataclasses
import functools
from collections.abc import Iterator

import keras
import numpy as np

from kapps import data
from kapps.data import augment, checking_classes, names, splits, strengths
from kapps.data.sources import Collection
from kapps.data.transforms import Transform
from kapps.errors import DataError
from kapps.tasks import Task
from kapps.training import watching
from kapps.training.options import Options
from kapps.training.progress import say
from kapps.training.replicas import Share


class Pictures:
    """A `kapps.data.Dataset` or `kapps.data.Beside` as training and judging data.

    Args:
        dataset: batches of (images, annotations), or of (images,) where nothing is known; images
            are an array or, of several views or data sets, tuples of arrays.
        first: whether the model takes channels first.
    """

    def __init__(self, dataset: data.Dataset | data.Beside, first: bool = False):
        self.dataset, self.first = dataset, first
        self.steps, self.batch_size = dataset.steps, dataset.batch_size
        self.images = dataset.images

    def __getattr__(self, name: str):
        """What else a data set tells: labels, sizes, transform, names, skipped."""
        if name == "dataset":  # of an object that is not made yet, as when it is copied
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def epoch(self, number: int) -> Iterator[tuple]:
        """The batches of an epoch, the same in every process."""
        self.dataset.set_epoch(number)
        return iter(self)

    def pipeline(self, start: int, stop: int):
        """The epochs start..stop-1 as one tf.data.Dataset, for TensorFlow: no way over Python."""
        batches = self.dataset.epochs(start, stop)
        if not self.first:
            return batches
        import tensorflow as tf

        def turned(images, *annotations):
            images = tf.nest.map_structure(lambda one: tf.transpose(one, (0, 3, 1, 2)), images)
            return (images, *annotations)

        return batches.map(turned)

    def __iter__(self) -> Iterator[tuple]:
        for images, *annotations in self.dataset:
            if self.first:
                images = keras.tree.map_structure(lambda one: np.moveaxis(one, -1, 1), images)
            yield (images, *annotations)


@dataclasses.dataclass(frozen=True)
class Splits:
    """The parts of a data set that a training needs, all cut by the same rule.

    Args:
        options: `kapps.training.options.Options`, resolved.
        spec: the input contract of the model.
        size: height and width in pixels.
        channels: 1 or 3.
        share: what this process trains on of every batch.
        task: what is learnt; it says what a picture is annotated with. None for classes.
        test_size: height and width of the pictures to judge by; None for `size`.
    """

    options: Options
    spec: dict
    size: int
    channels: int
    share: Share = Share()
    task: Task | None = None
    test_size: int | None = None

    def at(self, size: int, strength: float = 1.0) -> "Splits":
        """The same with pictures to train on of another size, augmented by a share of strength."""
        options = self.options
        if strength != 1:
            policy = strengths.weaker(augment.policy(options.augment), strength)
            mix = strengths.weaker_mix(options.mix, strength, self.annotation)
            options = dataclasses.replace(options, augment=policy, mix=mix)
        return dataclasses.replace(self, size=size, options=options)

    @property
    def annotation(self) -> str:
        """What `kapps.data` gives beside a picture."""
        return self.task.annotation if self.task else Task.annotation

    @functools.cached_property
    def found(self) -> Collection:
        """What the setting `data` names, without the pictures in its parts."""
        found = data.find(self.options.data, self.annotation)
        return dataclasses.replace(found, parts=dict.fromkeys(found.parts))

    def warnings(self, train: data.Dataset, validation: data.Dataset | None) -> list[str]:
        """What is wrong with the pictures, see `watching.pictures`."""
        # Folders of several labels or of numbers are no names of classes.
        classes = self.annotation == "class"
        empty = checking_classes.empty_folders(self.found) if classes else []
        return watching.pictures(empty, train, validation)

    def train(self) -> data.Dataset:
        """The images to train on, shuffled and augmented, in full batches.

        Raises:
            DataError, MissingFileError, ValueError: see `kapps.data.load`.
        """
        dataset = self._load(
            "train",
            training=True,
            views=self.task.views if self.task else Task.views,
            augment=self.options.augment,
            mix=self.options.mix,
            drop_remainder=True,
            share=(self.share.rank, self.share.count),
            order=data.Order(self.options.balance, self.options.repeats),
        )
        for name, reason in dataset.skipped:
            say(f"left out {name}: {reason}")
        return dataset

    def plain(self) -> data.Dataset:
        """The images to train on as they are, in a fixed order."""
        return self._load("train")

    def validation(self) -> data.Dataset | None:
        """The images to judge by; None where the settings want none or another process judges."""
        if not self.share.leads:
            return None
        if self.options.val is not None:
            return self._separate(self.found)
        if not self.options.validation and "val" not in self.found.parts:
            return None
        return self._load("val", size=self.test_size or self.size)

    @property
    def judged_by(self) -> str:
        """Where the images of `validation` come from, for messages."""
        if self.options.val is not None:
            return self.options.val
        if "val" in self.found.parts:
            return self.found.folders.get("val", f"the validation part of {self.found.uri}")
        return f"a share of {self.options.validation:g}" if self.options.validation else "nothing"

    def _separate(self, trained: Collection) -> data.Dataset:
        """The data set of the setting `val`, its classes found among those trained on by name.

        Raises:
            DataError: it has a class that the training data lacks.
        """
        found = data.find(self.options.val, self.annotation)
        for name in found.classes if found.named else ():
            try:
                names.match([name], trained.classes, "the class")
            except DataError as error:
                raise DataError(
                    f"val={self.options.val} has the class {name!r}, which is not one of the "
                    f"{len(trained.classes)} of data={self.options.data}; rename it, or add "
                    "pictures of it to train on."
                ) from error
        size = self.test_size or self.size
        rule = self._transform() or Transform(size=size, crop_pct=trained.crop_pct)
        return self._load(
            splits.judging_part(found),
            uri=self.options.val,
            size=size,
            class_names=trained.classes,
            transform=rule,
        )

    def _load(self, split: str, uri: str | None = None, **more) -> data.Dataset:
        return data.load(
            uri or self.options.data,
            annotation=self.annotation,
            split=split,
            channels=self.channels,
            validation=self.options.validation,
            batch_size=self.options.batch_size,
            seed=self.options.seed,
            **{"size": self.size, "transform": self._transform(), **more},
        )

    def _transform(self) -> Transform | None:
        """The model's rule; the digits touch their border, so they bring their own."""
        if self.options.data == "digits" or not self.spec:
            return None
        return Transform.from_spec(self.spec)
