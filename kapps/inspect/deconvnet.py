"""ZFNet's deconvnet: what in an image a filter of a plain convolutional network answered to.

A convolutional network is gone through backwards from one activation: a pool puts what it gets
where its maximum came from (the switches), a ReLU lets through what is above 0 of what comes from
above, a convolution is its filters flipped. Unlike a gradient, a ReLU does not ask which of its own
inputs were above 0.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013
(arXiv:1311.2901), section 2.1. Where the paper says nothing: a response normalisation lets through
what it gets, and a batch normalisation in inference is the multiplication that it is.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from kapps.inspect import running
from kapps.layers import LocalResponseNormalization, kernels

LINEAR = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.Dense,
    layers.BatchNormalization,
    layers.Rescaling,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Flatten,
    layers.Reshape,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
)
PASSED = (layers.Dropout, LocalResponseNormalization)
RELUS = ("relu", "relu6")


class Top(NamedTuple):
    """The strongest answer of a filter in an image.

    Attributes:
        image: which one, by its place among those that were given.
        value: the activation.
        place: row and column in the layer's map; () of a dense layer.
        box: left, top, right, bottom in pixels: what the activation can see of the image.
        projection: float32 (height, width, channels): what it answered to, in the whole image.
    """

    image: int
    value: float
    place: tuple[int, ...]
    box: tuple[int, int, int, int]
    projection: np.ndarray


class Deconvnet:
    """The way back from the layers of a plain network to its pixels.

    Args:
        model: convolutions, ReLUs, max pools, normalisations and dense layers one after the other,
            such as AlexNet, ZFNet and VGG.
        layer: the last layer that is looked at.

    Raises:
        ValueError: the layer is not there, or on the way to it is something that a deconvnet has no
            rule for, such as a second path.
    """

    def __init__(self, model: keras.Model, layer: str):
        self.model, self.layer = model, layer
        running.find(model, layer)
        self.first = running.channels_first(model)
        self.chain = _chain(running.functional(model), layer)

    def forward(self, images: np.ndarray) -> list:
        """What goes into each layer of the way, and what comes out of the last one."""
        x = ops.convert_to_tensor(np.asarray(images, "float32"))
        values = [x]
        for operation in self.chain:
            values.append(operation(values[-1]))
        return values

    def project(self, images: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """A signal at the layer, brought down to the pixels of images.

        Args:
            images: (batch, height, width, channels) as the model takes them; they set the switches.
            signal: of the shape of the layer's output, such as an activation map with all but one
                place set to 0.

        Returns:
            float32 of the shape of the images.
        """
        return self._back(self.forward(images), signal)

    def top(
        self, images: np.ndarray, filter: int, count: int = 9, batch_size: int = 16
    ) -> list[Top]:
        """The images that a filter answers to most, and what in them it answers to.

        Args:
            images: as the model takes them.
            filter: channel of the layer.
            count: images, at most.
            batch_size: images at a time.

        Returns:
            Of each image at most one, the strongest first, as in figure 2 of the paper; images
            without an answer above 0 are left out.

        Raises:
            ValueError: there is no such filter.
        """
        found = []
        for start in range(0, len(images), batch_size):
            values = self.forward(images[start : start + batch_size])
            maps = self._filter(ops.convert_to_numpy(values[-1]), filter)
            for i, one in enumerate(maps):
                place = np.unravel_index(one.argmax(), one.shape)
                found.append((float(one[place]), start + i, tuple(map(int, place))))
        found = sorted((row for row in found if row[0] > 0), key=lambda row: -row[0])[:count]
        return [self._top(images[i : i + 1], i, filter, place) for _, i, place in found]

    def _top(self, image: np.ndarray, index: int, filter: int, place: tuple) -> Top:
        values = self.forward(image)
        answer = ops.convert_to_numpy(values[-1])
        at = (0, filter, *place) if self.first and answer.ndim == 4 else (0, *place, filter)
        signal = np.zeros_like(answer)
        signal[at] = answer[at]
        (found,) = self._back(values, signal)
        found = np.moveaxis(found, 0, -1) if self.first else found
        return Top(index, float(answer[at]), place, self._box(place, found.shape), found)

    def _filter(self, maps: np.ndarray, filter: int) -> np.ndarray:
        maps = np.moveaxis(maps, 1, -1) if self.first and maps.ndim == 4 else maps
        if not 0 <= filter < maps.shape[-1]:
            raise ValueError(
                f"filter {filter} is none of the {maps.shape[-1]} of {self.layer}, 0 to "
                f"{maps.shape[-1] - 1}"
            )
        return maps[..., filter]

    def _box(self, place: tuple, shape: tuple) -> tuple[int, int, int, int]:
        from kapps.inspect.receptive import receptive_fields

        field = receptive_fields(self.model)[self.layer]
        height, width = shape[:2]
        if field.everywhere or not place:
            return (0, 0, width, height)
        start = [a + i * j for a, i, j in zip(field.first, place, field.jump, strict=True)]
        end = [a + r for a, r in zip(start, field.extent, strict=True)]
        (top, left), (bottom, right) = start, end
        return (
            max(0, round(left)), max(0, round(top)),
            min(width, round(right)), min(height, round(bottom)),
        )  # fmt: skip

    def _back(self, values: list, signal) -> np.ndarray:
        signal = ops.convert_to_tensor(np.asarray(signal, "float32"))
        for operation, x in zip(reversed(self.chain), reversed(values[:-1]), strict=True):
            if _is_relu(operation):
                signal = ops.relu(signal)
            if isinstance(operation, (*LINEAR, layers.MaxPooling2D)):
                signal = _transposed(operation, x, signal)
        return ops.convert_to_numpy(signal)


def _transposed(operation, x, signal):
    """What a linear layer, or a pool with these inputs, does with a signal from above.

    For a linear one it is the gradient of <operation(x), signal>; of a pool's maxima, that gradient
    goes where they came from.
    """

    variables = getattr(operation, "variables", [])

    def function(inputs, signal, values):
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            with running.without_activation(operation):
                return ops.sum(operation(inputs[0]) * signal), None

    values = [ops.convert_to_tensor(variable) for variable in variables]
    return kernels.differentiated(function)([x], signal, values)[2][0]


def _chain(functional, layer: str) -> list:
    """The layers from the image to `layer`, one after the other.

    Raises:
        ValueError: see `Deconvnet`.
    """
    chain, tensor = [], functional.inputs[0]
    readers: dict[int, list] = {}
    for nodes in functional._nodes_by_depth.values():
        for node in nodes:
            for given in node.input_tensors:
                readers.setdefault(id(given), []).append(node)
    while not chain or chain[-1].name != layer:
        after = readers.get(id(tensor), [])
        if len(after) != 1 or len(after[0].input_tensors) != 1:
            where = f"after {chain[-1].name!r}" if chain else "after the image"
            raise ValueError(
                f"a deconvnet goes back through one path, and the network branches {where}; use "
                "grad-cam or integrated-gradients"
            )
        operation, tensor = after[0].operation, after[0].output_tensors[0]
        chain.append(operation)
        if not _has_rule(operation):
            name = getattr(getattr(operation, "activation", None), "__name__", "")
            raise ValueError(
                f"a deconvnet has no rule for layer {operation.name!r}, {type(operation).__name__}"
                f"{f' with {name}' if name else ''}; it knows convolutions, ReLUs, max pools, "
                "normalisations and dense layers"
            )
    return chain


def _has_rule(operation) -> bool:
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if isinstance(operation, layers.Activation | layers.ReLU):
        return _is_relu(operation) or activation in ("linear", "softmax")
    known = isinstance(operation, (*LINEAR, *PASSED, layers.MaxPooling2D))
    return known and activation in (*RELUS, "linear", "softmax")


def _is_relu(operation) -> bool:
    if isinstance(operation, layers.ReLU):
        return not operation.negative_slope and not operation.threshold
    return getattr(getattr(operation, "activation", None), "__name__", "") in RELUS
