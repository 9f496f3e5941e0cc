"""Who teaches in a distillation: a Keras model inside the training step, or a file on the host."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kapps.data import names as class_names
from kapps.errors import SettingsError
from kapps.layers import Network
from kapps.tasks import scoring


def open_teacher(name: str, names: Sequence[str], distill: str):
    """The teacher that the setting `teacher` names.

    Args:
        name: application, run folder, `.keras` or `.tflite` file.
        names: of the student's classes, in the order of its outputs.
        distill: "soft", "hard" or "features".

    Raises:
        KappsError: there is no such model, or it does not know these classes.
    """
    if Path(name).suffix == ".tflite":
        if distill == "features":
            raise SettingsError(
                f"distill=features needs a Keras model as teacher; {name} answers classes only."
            )
        return FileTeacher(name, names)
    return KerasTeacher(name, names, distill)


def order_of(names: Sequence[str], labels: Sequence[str] | None, outputs: int, teacher: str):
    """Where each of the student's classes is among the teacher's outputs.

    Raises:
        SettingsError, DataError: a class is not there.
    """
    if labels is None:
        if outputs != len(names):
            raise SettingsError(
                f"teacher={teacher} has {outputs} outputs without names, and there are "
                f"{len(names)} classes; fine-tune it on these first."
            )
        return np.arange(outputs)
    return np.array(class_names.match(names, labels, f"teacher={teacher}: the class"))


class KerasTeacher:
    """A network that answers inside the training step; its variables are not trained."""

    def __init__(self, name: str, names: Sequence[str], distill: str):
        from kapps.models import sources

        self.found = sources.resolve(name)
        self.model = self.found.model
        self.model.trainable = False
        self.kind = scoring.kind_of(self.model)
        self.order = None
        if distill == "features":
            self.model = below_classifier(self.model, f"teacher={name}")
        else:
            count = self.model.output_shape[-1]
            self.order = order_of(names, self.found.class_names, count, name)

    def batches(self, train):
        return train

    def __call__(self, images, labels):
        """(answers, labels) for a batch of the student's images, in its data format."""
        first = keras.config.image_data_format() == "channels_first"
        height, width, channels = self.found.image_shape
        if first:
            images = ops.transpose(images, (0, 2, 3, 1))
        if tuple(images.shape[1:3]) != (height, width):
            images = ops.cast(images, "float32")
            images = ops.image.resize(
                images, (height, width), "bicubic", antialias=True, data_format="channels_last"
            )
            images = ops.clip(images, 0.0, 255.0)
        if channels < images.shape[-1]:
            images = ops.image.rgb_to_grayscale(images, data_format="channels_last")
        elif channels > images.shape[-1]:
            images = ops.repeat(images, channels, axis=-1)
        if self.found.channels_first:
            images = ops.transpose(images, (0, 3, 1, 2))
        rows = ops.cast(self.model(images, training=False), "float32")
        if self.order is None:
            return rows, labels
        if self.kind == "logits":
            rows = ops.softmax(rows)
        return _chosen(rows, self.order, ops), labels


class FileTeacher:
    """A `.tflite` that answers on the host, before a batch goes to the device."""

    model = None

    def __init__(self, name: str, names: Sequence[str]):
        from kapps.export import runners

        self.runner = runners.open_model(name)
        labels = Path(name).parent / "labels.txt"
        known = labels.read_text("utf-8").splitlines() if labels.is_file() else None
        self.shape = tuple(self.runner.input.shape[1:])
        count = self.runner.output.shape[-1]
        self.order = order_of(names, known, count, name)

    def batches(self, train):
        return _Answered(train, self.answer)

    def answer(self, images: np.ndarray) -> np.ndarray:
        """Probabilities (batch, classes) for uint8 images of the student's size and format."""
        if keras.config.image_data_format() == "channels_first":
            images = np.moveaxis(images, 1, -1)
        if images.shape[1:] != self.shape:
            images = np.stack([_resized(one, self.shape) for one in images])
        rows = np.asarray(self.runner.predict(images), "float32")
        if rows.min() < 0 or rows.sum(axis=1).max() > 1.1:
            rows = scoring.softmax(rows)
        return _chosen(rows, self.order, np)

    def __call__(self, images, labels):  # noqa: ARG002
        return labels["teacher"], labels["labels"]


class _Answered:
    """Training data whose annotations hold what the teacher says too."""

    def __init__(self, train, answer):
        self.train, self.answer, self.steps = train, answer, train.steps

    def epoch(self, number: int) -> Iterator[tuple[np.ndarray, dict]]:
        for images, labels in self.train.epoch(number):
            yield images, {"labels": labels, "teacher": self.answer(images)}


def _chosen(rows, order: np.ndarray, numbers):
    """The columns `order` of probabilities, which sum to 1 again."""
    rows = numbers.take(rows, order, axis=-1)
    return rows / numbers.maximum(numbers.sum(rows, axis=-1, keepdims=True), scoring.SMALLEST)


def _resized(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A uint8 image in (height, width, channels) of `shape`, grey or RGB."""
    from PIL import Image

    height, width, channels = shape
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = picture.convert("L" if channels == 1 else "RGB").resize(
        (width, height), Image.BICUBIC
    )
    return np.asarray(picture).reshape(shape)


def below_classifier(network: keras.Model, what: str) -> keras.Model:
    """The part of `network` whose features its Dense classifier reads.

    Raises:
        SettingsError: it does not end in one; `what` names it.
    """
    layer = network.layers[-1]
    if not isinstance(layer, keras.layers.Dense):
        raise SettingsError(
            f"distill=features: {what} ends in {layer.name!r} and not in a Dense classifier; use "
            "distill=soft."
        )
    return Network(network.input, layer.input, name=f"{network.name}_features")
