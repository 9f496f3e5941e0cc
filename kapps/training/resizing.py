"""One network at several sizes of pictures: trained on small ones first, judged by larger ones.

A functional network is built for one size. What holds for all sizes are its weights, except tables
of places, which are interpolated as those of a published checkpoint are. So a network of another
size is built anew and takes the weights over.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Self

import keras
import numpy as np

from kapps.errors import SettingsError
from kapps.training import lora
from kapps.training.freezing import leaves
from kapps.training.state import to_numpy


@dataclasses.dataclass(frozen=True)
class Stage:
    """Epochs at one size.

    Attributes:
        name: of its rows in the history.
        size: height and width of the pictures to train on.
        begin, end: the epochs from begin to end - 1 of all.
        strength: share of the augmentation's strength and of Dropout's rates.
    """

    name: str
    size: int
    begin: int
    end: int
    strength: float

    def plan(self, before: Self | None) -> dict[str, object]:
        """What `engine.Plan` says of it, after the stage `before`."""
        after = before and before.name
        return {"stage": self.name, "begin": self.begin, "end": self.end, "after": after}


def planned(options, size: int, name: str) -> list[Stage]:
    """The stages of a training: one, or by `progressive` or `sizes` one for each size.

    Args:
        options: `kapps.training.options.Options`, resolved.
        size: height and width of the pictures, where they stay as large.
        name: of the stage, where there is one.
    """
    if options.sizes:
        return drawn(options.sizes, options.size_epochs, options.epochs, options.seed)
    if options.progressive is None:
        return [Stage(name, size, 0, options.epochs, 1.0)]
    how = options.progressive_stages, options.epochs, options.progressive_strength
    return stages(options.progressive, size, *how)


def stages(first: int, last: int, count: int, epochs: int, strength: float) -> list[Stage]:
    """The stages of progressive learning, equally long (Tan and Le, 2021, arXiv:2104.00298).

    Of M stages the i-th, from 0, has the size `first + (last - first) * i / (M - 1)`, and the
    strength that lies as far between `strength` and 1 (algorithm 1). Sizes are rounded to a
    multiple of what both sizes are multiples of, so that patches and windows fit.

    Raises:
        ValueError: a number out of range, or two stages of one size.
    """
    if not 0 < first < last:
        raise ValueError(f"progressive={first} does not grow to size={last}; use less than that.")
    if not 2 <= count <= epochs:
        raise ValueError(
            f"progressive_stages={count} is out of range; use 2 up to the {epochs} epochs."
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"progressive_strength={strength} is out of range; use 0 to 1.")
    unit, found = math.gcd(first, last), []
    for i in range(count):
        way = i / (count - 1)
        size = round((first + (last - first) * way) / unit) * unit
        begin, end = (round(epochs * n / count) for n in (i, i + 1))
        found.append(Stage(f"size{size}", size, begin, end, strength + (1 - strength) * way))
    sizes = [stage.size for stage in found]
    if len(set(sizes)) < count:
        raise ValueError(
            f"progressive_stages={count}: in steps of {unit} pixels, which {first} and {last} are "
            f"multiples of, the sizes are {', '.join(map(str, sizes))}; use fewer stages."
        )
    return found


def drawn(sizes: Sequence[int], every: int, epochs: int, seed: int) -> list[Stage]:
    """The stages of multi-scale training: every so many epochs another size of a list, by chance.

    YOLOv2 draws one every ten batches (Redmon and Farhadi, 2017, arXiv:1612.08242, section 2); here
    a size has a network of its own, of static shapes, and keeps it for whole epochs. The last stage
    has the largest size. Which sizes come depends on the seed alone.

    Raises:
        ValueError: a size below 1, one that is there twice, or `every` below 1.
    """
    if len(set(sizes)) < max(len(sizes), 2) or min(sizes) < 1:
        text = ",".join(map(str, sizes))
        raise ValueError(f"sizes={text} is no list of different sizes; use two or more.")
    if every < 1:
        raise ValueError(f"size_epochs={every} is out of range; use 1 or more.")
    rng, found = np.random.default_rng([seed, len(sizes)]), []
    for begin in range(0, epochs, every):
        end = min(begin + every, epochs)
        size = max(sizes) if end == epochs else int(rng.choice(sizes))
        if found and found[-1].size == size:  # it goes on
            found[-1] = dataclasses.replace(found[-1], end=end)
        else:
            found.append(Stage(f"size{size}_{begin + 1}", size, begin, end, 1.0))
    return found


def weaken(model: keras.Model, share: float) -> None:
    """Multiply the rates of Dropout; to be called before the training step is compiled."""
    if share == 1:
        return
    for layer in leaves(model):
        if type(layer) is keras.layers.Dropout:
            layer.rate *= share


def take_over(target: keras.Model, source: keras.Model) -> None:
    """Give `target` the weights of `source`, the same network built for another size.

    Changes of low rank (`lora`) are added into the kernels.

    Raises:
        SettingsError: the network has weights for each pixel.
    """
    if target is source:
        return
    fit = fitter(target)
    with lora.merged(source):
        given = [v for v in source.weights if not v.name.startswith("lora_")]
        if len(given) != len(target.weights):
            raise SettingsError(
                f"{source.name} has {len(given)} weights and the same network built for another "
                f"size {len(target.weights)}; drop what differs (aux, adapter)."
            )
        for new, old in zip(target.weights, given, strict=True):
            new.assign(fit(to_numpy(old), tuple(new.shape)))


def fitter(model: keras.Model) -> Callable[[np.ndarray, tuple], np.ndarray]:
    """What brings an array of the same network at another size to the shape that it has in `model`.

    Those of an optimiser too, such as averages and moments of a table; squares stay 0 or more.

    Returns:
        fit(array, shape), which raises SettingsError where the shape is not that of a table.
    """
    ways = {
        tuple(getattr(layer, name).shape): getattr(layer, method)
        for layer in leaves(model)
        for name, method in getattr(layer, "adapts", {}).items()
    }

    def fit(array: np.ndarray, shape: tuple) -> np.ndarray:
        if array.shape == shape:
            return array
        if shape not in ways:
            raise SettingsError(
                f"{model.name} has weights of shape {shape} at one size of pictures and of "
                f"{array.shape} at another: it fits one size only; drop progressive, sizes and "
                "test_size."
            )
        found = np.asarray(ways[shape](array), array.dtype)
        return np.maximum(found, 0) if array.min(initial=0) >= 0 else found

    return fit
