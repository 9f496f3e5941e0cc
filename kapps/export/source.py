"""What is exported: a Keras model with its labels, its input contract and its origin.

`kapps.models.sources` makes one of whatever a user names.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from kapps.errors import ExportError


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights that a model has, or that its training began with.

    Attributes:
        network: name of the application whose weights they are, or None.
        name: their tag, file or address; None for random ones.
        licence: SPDX name, "not stated", or None where nothing is known.
        publisher, url: who published them, and where; None where nothing is known.
        accuracy: (name, share in [0, 1]) that the publisher states.
        protocol: how that was measured, and by whom; None where nothing is known.
    """

    network: str | None
    name: str | None = None
    licence: str | None = None
    publisher: str | None = None
    url: str | None = None
    accuracy: tuple[tuple[str, float], ...] = ()
    protocol: str | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """A training by kapps, as its run folder tells of it.

    Attributes:
        settings: resolved settings.
        job: "train" or "finetune".
        best: the row of metrics.json whose weights were exported.
        metrics: the names of its metrics, without "val_", the one that ranks epochs first.
        epochs: how many there are rows of.
        versions: of the packages that trained.
        backend: of Keras.
    """

    settings: dict
    job: str
    best: dict
    metrics: tuple[str, ...]
    epochs: int
    versions: dict[str, str]
    backend: str


@dataclasses.dataclass
class Source:
    """A model to export.

    Attributes:
        model: the Keras model, on this process's backend.
        name: what the bundle calls it.
        spec: input contract ("size", "crop_pct", "interpolation", ...); at least "size".
        labels: class names in output order, or None when unknown.
        class_names: the same for matching data by name: labels, or (wnid, label) pairs.
        data: (uri, validation share) of the data that the run was trained on, or None.
        val: uri of the data that the run was judged by, where it was another, or None.
        origin: where it came from, for the report.
        file: the .keras file that it was read from, or None.
        began: its weights, or those that its training began with; None where nothing is known.
        training: how kapps trained it, or None.
        paper: which describes the network, or None.
    """

    model: Any
    name: str
    spec: dict
    labels: list[str] | None
    class_names: tuple | None
    data: tuple[str, float] | None
    origin: str
    file: Path | None = None
    val: str | None = None
    began: Weights | None = None
    training: Training | None = None
    paper: str | None = None

    @property
    def channels_first(self) -> bool:
        """Whether the model takes (channels, height, width)."""
        from kapps.inspect import channels_first

        return channels_first(self.model)

    @property
    def compute_dtype(self) -> str:
        """The shortest floats that any layer computes in, such as "float16"."""
        used = {layer.compute_dtype for layer in self.model.layers}
        return next((dtype for dtype in ("bfloat16", "float16") if dtype in used), "float32")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the converted model.

        Raises:
            ExportError: not a model of one image.
        """
        shape = getattr(self.model, "input_shape", None)
        if self.spec.get("task") == "prompting":
            raise ExportError(
                f"{self.name} takes points, boxes and masks beside the image, which no command or "
                "bundle gives it; use kapps.segment."
            )
        if not isinstance(shape, tuple) or len(shape) != 4:
            raise ExportError(
                f"{self.name} takes {shape}; expected one image (batch, height, width, channels)."
            )
        height, width, channels = shape[1:]
        if self.channels_first:
            channels, height, width = shape[1:]
        size = self.spec.get("size")
        default = (size, size) if isinstance(size, int) else tuple(size or (None, None))
        height, width = height or default[0], width or default[1]
        if not (height and width and channels):
            raise ExportError(
                f"{self.name} has the open input shape {shape}; build it with a fixed input_shape,"
                " for example (224, 224, 3)."
            )
        return int(height), int(width), int(channels)

    @property
    def answers(self):
        """What kind of answers it gives, see `kapps.export.answers`."""
        from kapps.export import answers

        return answers.of(self.spec, self.model)

    def refuse_empty(self) -> None:
        """Raise ExportError where an open-vocabulary detector was not told what to look for."""
        from kapps.layers import vocabulary_of

        layer = vocabulary_of(self.model)
        if layer is not None and layer.is_empty:
            raise ExportError(
                f"{self.name} looks for a vocabulary, and has none; say what to look for with "
                "--vocabulary 'cat,traffic light', or call kapps.set_vocabulary."
            )

    def predict(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray | dict:
        """Outputs of the Keras model.

        Args:
            images: (count, height, width, channels), RGB in 0..255.

        Returns:
            float32, (count, ...), or a dictionary of such arrays.
        """
        count, size = len(images), min(batch_size, len(images))
        # Full batches only: for a shorter last one the whole network would be compiled again.
        images = np.pad(images, [(0, -count % size), (0, 0), (0, 0), (0, 0)], mode="edge")
        images = images.astype("float32")
        if self.channels_first:
            images = images.transpose(0, 3, 1, 2)
        said = self.model.predict(images, batch_size=size, verbose=0)
        if isinstance(said, dict):
            return {name: np.asarray(value[:count], "float32") for name, value in said.items()}
        return np.asarray(said[:count], "float32")


def load_reason(error: Exception) -> str:
    """What went wrong while Keras loaded a model, without the configuration that it prints."""
    text = str(error).split("Exception encountered:")[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
