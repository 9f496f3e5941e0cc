"""Random weights as the recipe of an architecture draws them, where that is not how it is built.

An application is built with Keras's initialisers (Glorot's) or, where its source says so, with its
own: ViT, Swin and ConvNeXt with truncated normals of 0.02; EfficientNet, RegNet, MobileNetV4 and
the ResNets for CIFAR with He's. `RECIPES` has what published trainings of other families draw from.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WORDS = ("own", "recipe", "glorot", "he", "truncated_normal")


@dataclass(frozen=True)
class Recipe:
    """Names in `DRAWS` of the kernels of convolutions and of fully connected layers.

    `ones` is a pattern of the names of layers whose bias begins at 1; other biases begin at 0.
    """

    convolutions: str
    dense: str
    ones: str = "$^"


def _normal(deviation: float):
    return lambda rng, shape: rng.normal(0.0, deviation, shape)


def _uniform(limit: float):
    return lambda rng, shape: rng.uniform(-limit, limit, shape)


def _truncated(deviation: float):
    """Normal values within two deviations; those outside are drawn again."""

    def draw(rng, shape):
        values = rng.standard_normal(shape)
        while (far := np.abs(values) > 2).any():
            values[far] = rng.standard_normal(far.sum())
        return deviation * values

    return draw


# (inputs of a unit, units that an input reaches) -> what draws an array of a shape
DRAWS: dict[str, Callable[[float, float], Callable]] = {
    "glorot": lambda into, out: _uniform(math.sqrt(6 / (into + out))),
    "he": lambda into, out: _normal(math.sqrt(2 / into)),  # noqa: ARG005
    "he_fan_out": lambda into, out: _normal(math.sqrt(2 / out)),  # noqa: ARG005
    "lecun_uniform": lambda into, out: _uniform(2.4 / into),  # noqa: ARG005
    "normal_0.01": lambda into, out: _normal(0.01),  # noqa: ARG005
    "truncated_0.01": lambda into, out: _truncated(0.01),  # noqa: ARG005
    "truncated_0.02": lambda into, out: _truncated(0.02),  # noqa: ARG005
    "truncated_0.1": lambda into, out: _truncated(0.1),  # noqa: ARG005
}
NAMED = {
    "glorot": Recipe("glorot", "glorot"),  # Glorot and Bengio, 2010
    "he": Recipe("he", "he"),  # He et al., 2015, arXiv:1502.01852
    "truncated_normal": Recipe("truncated_0.02", "truncated_0.02"),
}
GOYAL = Recipe("he_fan_out", "normal_0.01")  # Goyal et al., 2017, arXiv:1706.02677, section 5.1
TORCHVISION = GOYAL  # of its VGG and of its MobileNets
RECIPES = {
    # LeCun et al., 1998, appendix A: within 2.4 / fan-in.
    "lenet": Recipe("lecun_uniform", "lecun_uniform"),
    # Krizhevsky et al., 2012, section 5.
    "alexnet": Recipe("normal_0.01", "normal_0.01", r"stage[245]_conv$|fc[12]$"),
    "vgg": TORCHVISION,
    "googlenet": Recipe("truncated_0.01", "truncated_0.01"),  # torchvision's
    "inception_v3": Recipe("truncated_0.1", "truncated_0.1"),  # TF-slim's
    "resnet": GOYAL,
    "resnet_v2": GOYAL,
    "resnet_d": GOYAL,
    "densenet": Recipe("he", "he"),  # Huang et al., 2017, section 4.2
    "mobilenet": TORCHVISION,
    "mobilenet_v2": TORCHVISION,
    "mobilenet_v3": TORCHVISION,
}


def draw(model, word: str, family: str, seed: int) -> bool:
    """Draw the kernels of a new model anew, and set the biases beside them.

    Args:
        model: a functional keras.Model.
        word: "own" leaves it as it is built; "recipe": that of `family`; or the name of one
            distribution for all kernels.
        family: the module of the application, such as "resnet".
        seed: of the values; layers draw from streams of their own.

    Returns:
        Whether anything was drawn: "recipe" of a family without a row is what it is built with.
    """
    if word not in WORDS:
        raise ValueError(f"initializer={word!r} is not known; use one of {', '.join(WORDS)}.")
    recipe = RECIPES.get(family) if word == "recipe" else NAMED.get(word)
    if recipe is None:
        return False
    import keras

    from kapps.training.freezing import leaves

    for number, layer in enumerate(leaves(model)):
        dense = isinstance(layer, keras.layers.Dense)
        kernel = getattr(layer, "kernel", None)
        if kernel is None or len(kernel.shape) < 2:
            continue
        into, out = fans(tuple(kernel.shape), isinstance(layer, keras.layers.DepthwiseConv2D))
        values = DRAWS[recipe.dense if dense else recipe.convolutions](into, out)
        rng = np.random.default_rng((seed, number))
        kernel.assign(values(rng, tuple(kernel.shape)).astype("float32"))
        if layer.bias is not None:
            start = 1.0 if re.search(recipe.ones, layer.name) else 0.0
            layer.bias.assign(np.full(tuple(layer.bias.shape), start, "float32"))
    return True


def fans(shape: tuple[int, ...], depthwise: bool = False) -> tuple[int, int]:
    """Inputs of one unit, and units that one input reaches, of a kernel of this shape.

    Of a kernel with groups, both are of a group's inputs and of all outputs, as torch and Keras
    count them; of a depthwise one (height, width, channels, multiplier), of a single channel.
    """
    field = math.prod(shape[:-2])
    return (field, field * shape[-1]) if depthwise else (field * shape[-2], field * shape[-1])
