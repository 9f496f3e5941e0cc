"""One number that a model answers for each image, and how it changes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kapps.inspect import running, targets
from kapps.layers import kernels

PREFIX = 16  # tokens that stand for no place, at most
STRIDES = (4, 8, 16, 32)  # of maps that have no layer with height and width
TRIED = 48  # last token layers among which the default is


class Found(NamedTuple):
    """Of a batch.

    Attributes:
        maps: layer -> its output as a map (batch, height, width, channels), float32.
        gradients: of the sum of the scores, of the same shapes.
    """

    maps: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


class Score:
    """The number of a model that is explained, as a function of its images and inner maps.

    Of classes it is the one before a softmax or sigmoid at the end of the model, as the papers have
    it; of a detector the score of a box.

    Args:
        model: functional, with one image input.
        images: (batch, height, width, channels) in the data format of the model, as it takes them.
        target: a function of `kapps.inspect.targets`, or one like it; the number of a class; None
            for what the model answers first about the first image.

    Attributes:
        scores: float32 (batch,), the number for each image.
        sides: height and width of the images.
        shapes: layer -> shape of its output for an image, of layers with maps or tokens.

    Raises:
        ValueError: no such model or class, or the images are no batch for it.
    """

    def __init__(self, model: keras.Model, images: np.ndarray, target=None):
        self.model, self.graph = model, running.functional(model)
        self.first = running.channels_first(model)
        images = np.asarray(images, "float32")
        expected = tuple(self.graph.inputs[0].shape)[1:]
        fits = len(images.shape) == 4 and all(
            want in (None, got) for want, got in zip(expected, images.shape[1:], strict=True)
        )
        if not fits or not len(images):
            raise ValueError(f"images have the shape {images.shape}; expected (batch, *{expected})")
        self.images = images
        self.sides = images.shape[2:] if self.first else images.shape[1:3]
        outputs, maps = running.run(model, images, seen=lambda _: True, logits=True)
        self.shapes = {
            name: tuple(x.shape)[1:]
            for name, x in maps.items()
            if hasattr(x, "shape") and len(x.shape) in (3, 4) and x.shape[0] == len(images)
        }
        self.detects = isinstance(outputs, Mapping) and "scores" in outputs
        maps_of = getattr(outputs, "shape", ())
        self.classes = maps_of[-1] if len(maps_of) == 4 else None  # of a segmenter
        self.target = targets.resolved(target, outputs)
        self.scores = ops.convert_to_numpy(self.target(outputs)).astype("float32")
        self._derivatives: dict[tuple, Any] = {}

    def numbers(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """The same number as the model itself answers, after its softmax: float32 (images,).

        Args:
            images: as the model takes them.
            batch_size: images at a time.
        """
        rows, size = [], min(batch_size, len(images))
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            padded = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
            found = self.target(self.model.predict_on_batch(padded))
            rows.append(ops.convert_to_numpy(found)[: len(batch)])
        return np.concatenate(rows).astype("float32")

    def gradients(self, images: np.ndarray) -> np.ndarray:
        """The gradient of each image's score with respect to its pixels, of the same shape."""

        def function(given, values):
            outputs, _ = self._run(given[0], values)
            return ops.sum(self.target(outputs)), None

        _, _, (found,) = self._derivative((), function)(
            [ops.convert_to_tensor(images)], self._values()
        )
        return ops.convert_to_numpy(found)

    def of_layers(self, names: Sequence[str]) -> Found:
        """The maps of layers, and the gradients of the scores with respect to them.

        Raises:
            ValueError: a layer is none of the model's, or has no map.
        """
        names = tuple(names)
        for name in names:
            self._check(name)

        def function(zeros, values, images):
            outputs, maps = self._run(images, values, dict(zip(names, zeros, strict=True)))
            return ops.sum(self.target(outputs)), [maps[name] for name in names]

        zeros = [np.zeros((len(self.images), *self.shapes[n]), "float32") for n in names]
        _, maps, gradients = self._derivative(names, function)(
            list(map(ops.convert_to_tensor, zeros)),
            self._values(),
            ops.convert_to_tensor(self.images),
        )
        return Found(
            {n: self.as_map(n, x) for n, x in zip(names, maps, strict=True)},
            {n: self.as_map(n, x) for n, x in zip(names, gradients, strict=True)},
        )

    def map_of(self, name: str) -> np.ndarray:
        """A layer's map of the images; see `of_layers`."""
        self._check(name)
        images = ops.convert_to_tensor(self.images)
        _, maps = running.run(self.model, images, seen=lambda layer: layer == name)
        return self.as_map(name, maps[name])

    def map_shape(self, name: str) -> tuple[int, int, int] | None:
        """Height, width and channels of a layer's map; None where it has none.

        Tokens have a place each, but for up to `PREFIX` before them, where a map of the model, such
        as that of the patches, has as many positions.
        """
        shape = self.shapes[name]
        if len(shape) == 3:
            return (*shape[1:], shape[0]) if self.first else shape
        sides = self.patches(shape[0])
        return (*sides, shape[1]) if sides else None

    def patches(self, tokens: int) -> tuple[int, int] | None:
        """Rows and columns of the patches that so many tokens stand for; None for none."""
        height, width = self.sides
        grids = {s for s in map(self._sides, self.shapes.values()) if s}
        grids |= {(height // s, width // s) for s in STRIDES if not (height % s or width % s)}
        grids.discard((1, 1))
        before = {sides: tokens - sides[0] * sides[1] for sides in grids}
        fitting = {sides: n for sides, n in before.items() if 0 <= n <= PREFIX}
        return min(fitting, key=fitting.__getitem__) if fitting else None

    def as_map(self, name: str, values) -> np.ndarray:
        """The output of a layer as a map (batch, height, width, channels)."""
        values = ops.convert_to_numpy(values).astype("float32")
        if values.ndim == 4:
            return np.moveaxis(values, 1, -1) if self.first else values
        height, width, channels = self.map_shape(name)
        return values[:, -height * width :].reshape(-1, height, width, channels)

    def default_layer(self) -> str:
        """The last layer whose map the number depends on, of more than one position.

        Of a network with maps of several sizes one of the smallest; of tokens a layer as wide as
        the last; of a detector the level that the box comes from, below its head. Maps that are the
        answers themselves are left out.

        Raises:
            ValueError: there is none.
        """
        names = self._candidates()
        gradients = self.of_layers(names).gradients if names else {}
        for name in reversed(names):
            if gradients[name].any():
                return name
        raise ValueError(
            f"the number to explain depends on no map of {self.model.name!r}; name a layer"
        )

    def _candidates(self) -> list[str]:
        """Layers that may be the default, the last one first choice."""
        order = list(self.shapes)
        maps = {n: self.map_shape(n) for n in order if len(self.shapes[n]) == 3}
        maps = {n: s for n, s in maps.items() if s[0] * s[1] > 1 and s[2] != self.classes}
        if self.detects:
            return [n for n in maps if not n.startswith("head_")]
        tokens = [n for n in order if len(self.shapes[n]) == 2 and self.map_shape(n)]
        if tokens and order.index(tokens[-1]) > max(map(order.index, maps), default=-1):
            width = self.shapes[tokens[-1]][1]
            return [n for n in tokens if self.shapes[n][1] == width][-TRIED:]
        last = {s[:2]: n for n, s in maps.items()}  # of each size
        return [last[sides] for sides in sorted(last, key=lambda s: -s[0] * s[1])]

    def _check(self, name: str) -> None:
        running.find(self.model, name)
        if name not in self.shapes or self.map_shape(name) is None:
            raise ValueError(
                f"layer {name!r} gives no map of the image; choose one with height and width, or "
                "with a token for each patch"
            )

    def _sides(self, shape: tuple) -> tuple[int, int] | None:
        if len(shape) != 3:
            return None
        return shape[1:] if self.first else shape[:2]

    def _run(self, images, values, added=None):
        """The model with these values of its variables, which JAX then does not compile in."""
        with keras.StatelessScope(list(zip(self.model.variables, values, strict=True))):
            return running.run(self.model, images, added, logits=True)

    def _values(self) -> list:
        return [ops.convert_to_tensor(variable) for variable in self.model.variables]

    def _derivative(self, key: tuple, function):
        if key not in self._derivatives:
            self._derivatives[key] = kernels.differentiated(function)
        return self._derivatives[key]
