"""Linear layers and their norms, and sums of them, as one layer for inference."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers


@dataclass(frozen=True, eq=False)
class Branch:
    """A norm and the linear layer before it, or the norm alone; `x` is what they work on."""

    x: keras.KerasTensor
    norm: layers.BatchNormalization
    linear: layers.Layer | None = None
    pad: layers.ZeroPadding2D | None = None

    @property
    def before(self) -> tuple[int, int]:
        """How many rows and columns of the kernel lie above and left of the pixel they are for."""
        if self.pad is not None:
            return tuple(sides[0] for sides in self.pad.padding)
        same = getattr(self.linear, "padding", "valid") == "same"
        return tuple((size - 1) // 2 if same else 0 for size in self.size)

    @property
    def size(self) -> tuple[int, int]:
        """Of the kernel, in pixels."""
        return getattr(self.linear, "kernel_size", (1, 1))

    @property
    def geometry(self) -> tuple | None:
        """What branches of one sum must have in common."""
        if self.linear is None:
            return None
        depthwise = isinstance(self.linear, layers.DepthwiseConv2D)
        groups = None if depthwise else self.linear.groups
        return (depthwise, groups, tuple(self.linear.strides), self.linear.data_format)

    def place_in(self, other: "Branch") -> list[tuple[int, int]]:
        """Along each axis, the pixels of the other's kernel before and after this one's."""
        rows = zip(self.before, self.size, other.before, other.size, strict=True)
        return [
            (theirs - ours, (their_size - theirs) - (size - ours))
            for ours, size, theirs, their_size in rows
        ]


@dataclass(frozen=True, eq=False)
class Sum:
    """Branches that become one layer: the linear layer of the first, which has the largest kernel.

    `add` is the layer that adds them and the place of the first among its inputs, or None.
    """

    branches: tuple[Branch, ...]
    add: tuple[str, int] | None = None


def fold(model: keras.Model, sums: list[Sum]) -> keras.Model:
    """A copy of `model` in which each sum is one layer."""
    ours = {s.branches[0].linear.name: s for s in sums}
    adds = dict(s.add for s in sums if s.add)
    dropped = {branch.norm.name for s in sums for branch in s.branches}
    dropped |= {branch.linear.name for s in sums for branch in s.branches[1:] if branch.linear}

    def copy(layer):
        bias = {"use_bias": True} if layer.name in ours else {}
        return type(layer).from_config(layer.get_config() | bias)

    def call(layer, inputs, *args, **kwargs):
        if layer.name in dropped:
            return inputs  # which nobody reads, or the sum as the first branch's
        if layer.name in adds:
            return inputs[adds[layer.name]]
        return layer(inputs, *args, **kwargs)

    folded = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in model.layers:
        if layer.name in ours:
            folded.get_layer(layer.name).set_weights(_weights(ours[layer.name].branches))
        elif layer.weights and layer.name not in dropped:
            folded.get_layer(layer.name).set_weights(layer.get_weights())
    return folded


def _weights(branches: tuple[Branch, ...]) -> list[np.ndarray]:
    """Kernel and bias of the one layer."""
    parts = list(_parts(branches[0], branches))
    return [sum(kernel for kernel, _ in parts), sum(bias for _, bias in parts)]


def _parts(first: Branch, branches: tuple[Branch, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Kernel, at its place in the kernel of the first, and bias of every branch."""
    shape = first.linear.kernel.shape
    depthwise = isinstance(first.linear, layers.DepthwiseConv2D)
    for branch in branches:
        norm = branch.norm
        mean, variance = (
            np.asarray(keras.ops.convert_to_numpy(w), "float64")
            for w in (norm.moving_mean, norm.moving_variance)
        )
        scale = 1 / np.sqrt(variance + norm.epsilon)
        if norm.scale:
            scale = scale * keras.ops.convert_to_numpy(norm.gamma)
        shift = keras.ops.convert_to_numpy(norm.beta) if norm.center else 0.0
        if branch.linear is None:
            kernel, bias = _identity(shape, depthwise), []
        else:
            kernel, *bias = (w.astype("float64") for w in branch.linear.get_weights())
        kernel = kernel * (scale.reshape(kernel.shape[2:]) if depthwise else scale)
        if kernel.shape != tuple(shape):
            kernel = np.pad(kernel, [*branch.place_in(first), (0, 0), (0, 0)])
        yield kernel, ((bias[0] if bias else 0.0) - mean) * scale + shift


def _identity(shape: tuple[int, ...], depthwise: bool) -> np.ndarray:
    """The 1x1 kernel that changes nothing, for a convolution whose kernel has that shape."""
    if depthwise:
        return np.ones((1, 1, *shape[2:]))
    inputs, filters = shape[2:]  # of a group, and of all
    kernel = np.zeros((1, 1, inputs, filters))
    kernel[..., np.arange(filters) % inputs, np.arange(filters)] = 1
    return kernel
