"""What each trainable variable is to the optimiser: how deep it lies, how fast, by which units."""

import re

import keras

from kapps.training.freezing import leaves

BLOCK = re.compile(r".*?block\d+")


def learning_rates(
    model, layer_decay: float = 1.0, scales: tuple[str, ...] = (), variables: list | None = None
) -> list[float]:
    """The factor of the learning rate of each variable.

    Args:
        model: a functional keras.Model.
        layer_decay: each block learns by this factor less than the one above it: what follows the
            last block, with the classifier, by 1, the last block by `layer_decay`, and what comes
            before the first of n blocks by `layer_decay ** (n + 1)`. Source: BEiT (Bao et al.,
            2021, arXiv:2106.08254), after ELECTRA and ULMFiT. Where layers have no "block" in
            their name, each layer is one.
        scales: "layer=factor" or "stage=factor", multiplied with that; the longest name that fits a
            layer counts, and "head" means the classifier too.
        variables: of the optimiser; None for `model.trainable_variables`. What is not the model's
            has 1.

    Raises:
        ValueError: a word of `scales` is not of that form, or names no part of the model.
    """
    layers = [layer for layer in leaves(model) if layer.weights]
    depths = _depths([layer.name for layer in layers])
    factors = _parse(scales, layers)
    rates = {}
    for layer, depth in zip(layers, depths, strict=True):
        fitting = [word for word in factors if _names(word, layer, layers)]
        factor = factors[max(fitting, key=len)] if fitting else 1.0
        for variable in layer.trainable_variables:
            rates[id(variable)] = factor * layer_decay**depth
    return [rates.get(id(v), 1.0) for v in variables or model.trainable_variables]


def unit_axes(model, variables: list | None = None) -> list[tuple[int, ...]]:
    """For each variable, the axes over which the norm of a unit is taken.

    As Brock et al., 2021, arXiv:2102.06171, section 4.1: a unit of a kernel is what makes one
    output; a vector is one unit. Other tables are one unit too. The classifier has () for "leave it
    as it is".
    """
    layers = [layer for layer in leaves(model) if layer.weights]
    axes = {}
    for layer in layers:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        for variable in layer.trainable_variables:
            last = len(variable.shape)
            if variable.name == "kernel" and last > 1:
                last -= 2 if depthwise else 1
            axes[id(variable)] = () if is_classifier(layer, layers) else tuple(range(last))
    return [axes.get(id(v), ()) for v in variables or model.trainable_variables]


def classifier_paths(model) -> list[str]:
    """The paths of the classifiers' variables."""
    layers = [layer for layer in leaves(model) if layer.weights]
    heads = [layer for layer in layers if is_classifier(layer, layers)]
    return [variable.path for layer in heads for variable in layer.trainable_variables]


def is_classifier(layer, layers: list) -> bool:
    """Whether `layer` is the last one with weights, or called predictions as ours are."""
    return layer is layers[-1] or "predictions" in layer.name.split("_")


def _depths(names: list[str]) -> list[int]:
    """How many blocks lie above each layer, itself included; names are those of the graph."""
    if not any(BLOCK.match(name) for name in names):
        return list(range(len(names) - 1, -1, -1))
    count = len({match[0] for name in names if (match := BLOCK.match(name))})
    depths, known, deepest = [], {}, 0
    for name in reversed(names):
        match = BLOCK.match(name)
        if match:
            deepest = known.setdefault(match[0], len(known) + 1)
            depths.append(deepest)
        elif len(known) == count:  # nothing but the stem is left
            depths.append(count + 1)
        else:  # the head, or between two blocks
            depths.append(deepest)
    return depths[::-1]


def _parse(scales: tuple[str, ...], layers: list) -> dict[str, float]:
    factors = {}
    for text in scales:
        word, _, number = text.partition("=")
        try:
            factors[word] = float(number)
        except ValueError:
            factors[word] = -1.0
        if not factors[word] > 0:
            raise ValueError(
                f"learning_rate_scales: {text!r} is no layer or stage with a factor above 0; write "
                "head=10 or stage1=0.1 (unfreeze keeps layers as they are)."
            )
        if not any(_names(word, layer, layers) for layer in layers):
            stages = dict.fromkeys(layer.name.partition("_")[0] for layer in layers)
            raise ValueError(
                f"learning_rate_scales: {word!r} is no part of the model; use one of "
                f"{', '.join(stages)}, or the name of a layer."
            )
    return factors


def _names(word: str, layer, layers: list) -> bool:
    named = layer.name == word or layer.name.startswith(f"{word}_")
    return named or (word == "head" and is_classifier(layer, layers))
