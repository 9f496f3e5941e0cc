"""How the numbers of a Darknet file become the tensors of a network: by their order alone."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kapps.errors import WeightsError
from kapps.weights._darknet import VALUES
from kapps.weights.dialects._dialect import Dialect, Target

ANSWER = "predictions"  # how layers end whose filters depend on the classes


@dataclass(frozen=True)
class Darknet(Dialect):
    """A network whose convolutions a file has in the order of its configuration.

    Each is: biases, then, where it is normalised, scales, means and variances, then the kernel.

    Attributes:
        order: regular expressions of the layers with weights (without "_conv"), in that order;
            those of one expression follow one another as the numbers in their names do.
        swapped: of layers that take two maps the other way round than here.
        flattened: layer -> (height, width, channels) of the map that it sees in one row, which
            Darknet has channel by channel.
    """

    name: str = "darknet"
    layout: str = "keras"
    order: tuple[str, ...] = ()
    swapped: str = "$^"
    flattened: Mapping[str, tuple[int, int, int]] = ()

    def knows(self, name: str, layers: set[str]) -> bool:  # noqa: ARG002
        """Whether the file is one of Darknet's, which have one array without a name."""
        return name == VALUES

    def translate(
        self, arrays: dict[str, np.ndarray], targets: Mapping[str, Target]
    ) -> dict[str, np.ndarray]:
        """The numbers of the file as the variables of the model.

        Those of layers that answer may be of other classes, if all the rest fits.

        Raises:
            WeightsError: the file has more or fewer numbers than the network.
        """
        values = arrays[VALUES]
        more = self._more_outputs(len(values), targets)
        translated, at = {}, 0
        for layer in self._in_order(targets):
            norm = layer.removesuffix("_conv") + "_norm"
            parts = [f"{layer}/bias"]
            if norm in targets:
                leaves = ("beta", "gamma", "moving_mean", "moving_variance")
                parts = [f"{norm}/{leaf}" for leaf in leaves]
            *inputs, filters = targets[layer].shapes["kernel"]
            kernel = (*inputs, filters + (more if layer.endswith(ANSWER) else 0))
            for part in parts:
                translated[part], at = values[at : at + kernel[-1]], at + kernel[-1]
            size = math.prod(kernel)
            translated[f"{layer}/kernel"] = self._kernel_of(layer, values[at : at + size], kernel)
            at += size
        return translated

    def _more_outputs(self, count: int, targets: Mapping[str, Target]) -> int:
        """How many outputs more the layers that answer have in a file of `count` numbers."""
        expected = sum(math.prod(s) for target in targets.values() for s in target.shapes.values())
        last = [t.shapes["kernel"] for name, t in targets.items() if name.endswith(ANSWER)]
        of_one = sum(math.prod(kernel[:-1]) + 1 for kernel in last)  # and its bias
        more, rest = divmod(count - expected, of_one) if last else (0, count - expected)
        if rest or any(kernel[-1] + more < 1 for kernel in last):
            raise WeightsError(
                f"the Darknet file has {count:,} numbers, and the network {expected:,}, which no "
                "other number of classes explains; check the application"
            )
        return more

    def _in_order(self, targets: Mapping[str, Target]) -> list[str]:
        def place(layer: str) -> tuple:
            name = layer.removesuffix("_conv")
            which = next(i for i, row in enumerate(self.order) if re.fullmatch(row, name))
            return which, [int(number) for number in re.findall(r"\d+", name)]

        return sorted((name for name, t in targets.items() if "kernel" in t.shapes), key=place)

    def _kernel_of(self, layer: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 2:
            kernel = values.reshape(shape[::-1])
            if layer in self.flattened:
                height, width, channels = self.flattened[layer]
                kernel = kernel.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
            return kernel.reshape(shape[1], shape[0]).T
        height, width, inputs, filters = shape
        kernel = values.reshape(filters, inputs, height, width)
        if re.fullmatch(self.swapped, layer):
            kernel = np.roll(kernel, inputs // 2, axis=1)
        return kernel.transpose(2, 3, 1, 0)


# A DarkNet's layers follow one another as their numbers do, but for those of CSPDarkNet53.
BACKBONE = r"stem|stage\d.*"
PARTS = ("downsample", "around", "through", r"block\d+_\d", "transition", "merge")
CSP = ("stem", *(rf"stage{stage}_{part}" for stage in range(1, 6) for part in PARTS), BACKBONE)
SWAPPED = r"stage\d_merge_conv"  # there, what went through comes before what went around
