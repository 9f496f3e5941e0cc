"""Which layers train: from the classifier downwards, with BatchNorm in inference mode.

A BatchNormalization layer with `trainable=False` also uses its stored mean and variance, in `fit`
too (Keras's rule). So "frozen" freezes its gamma and beta as well; what they could learn, the
kernel before or after them can.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import keras


@dataclasses.dataclass(frozen=True)
class Frozen:
    """What trains and what does not; prints as a few lines."""

    trained: tuple[str, ...]  # names of the layers whose weights are updated, input side first
    frozen: tuple[str, ...]
    norms: tuple[str, ...]  # BatchNormalization layers in inference mode
    trained_parameters: int
    parameters: int

    def __str__(self) -> str:
        lines = [
            f"{self.trained_parameters:,} of {self.parameters:,} parameters train, "
            f"in {len(self.trained)} layers: {_span(self.trained)}"
        ]
        if self.frozen:
            lines.append(f"frozen: {len(self.frozen)} layers: {_span(self.frozen)}")
        if self.norms:
            lines.append(
                f"in inference mode, gamma and beta frozen: {len(self.norms)} BatchNormalization "
                "layers"
            )
        return "\n".join(lines)


def unfreeze(
    model,
    what: str = "all",
    train_norms: bool = False,
    fresh: Sequence[keras.Layer] = (),
) -> Frozen:
    """Set `trainable` of every layer of `model`.

    Args:
        model: a functional keras.Model.
        what: "all"; "none": only the classifier, which is the last layer with weights; a share in
            (0, 1] of the layers with weights, counted from the top; or the name of a layer or
            stage ("stage5"), which trains with all that follows it.
        train_norms: whether the BatchNormalization layers above that line train, and normalise by
            the batch, too.
        fresh: layers that train in any case, BatchNormalization too: they are new.

    Raises:
        ValueError: `what` is none of these.
    """
    layers = [layer for layer in leaves(model) if layer.weights]
    first = _first(layers, what)
    new = {id(layer) for layer in fresh}
    for position, layer in enumerate(layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        above = position >= first and (train_norms or not norm)
        layer.trainable = above or id(layer) in new
    return describe(model)


def describe(model) -> Frozen:
    """What of a model trains as it stands."""
    layers = [layer for layer in leaves(model) if layer.weights]
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    quiet = [layer for layer in norms if not layer.trainable]
    return Frozen(
        trained=tuple(layer.name for layer in layers if layer.trainable),
        frozen=tuple(layer.name for layer in layers if not layer.trainable and layer not in quiet),
        norms=tuple(layer.name for layer in quiet),
        trained_parameters=sum(math.prod(v.shape) for v in model.trainable_variables),
        parameters=model.count_params(),
    )


def _first(layers: list, what: str) -> int:
    """Position of the lowest layer that trains."""
    if what == "all":
        return 0
    if what == "none":
        return len(layers) - 1
    try:
        share = float(what)
    except ValueError:
        share = None
    if share is not None:
        if not 0 < share <= 1:
            raise ValueError(
                f"unfreeze={what!r} is no share of the layers; use a number in (0, 1], or none."
            )
        return len(layers) - max(1, round(share * len(layers)))
    names = [layer.name for layer in layers]
    for position, name in enumerate(names):
        if name == what or name.startswith(f"{what}_"):
            return position
    raise ValueError(
        f"unfreeze={what!r} is no part of the model; use all, none, a share such as 0.3, or one of "
        f"{', '.join(_stages(layers))}."
    )


def stages_above(model, what: str) -> list[str]:
    """The stages that `unfreeze(model, what)` trains below the classifier, from the top downwards.

    A stage is what begins with the same word: `stage4_block1_conv1` belongs to `stage4`.
    """
    layers = [layer for layer in leaves(model) if layer.weights]
    whole = layers[_first(layers, what) : -1]
    return _stages(whole)[::-1]


def _stages(layers: list) -> list[str]:
    return list(dict.fromkeys(layer.name.partition("_")[0] for layer in layers))


def leaves(layer) -> Iterator:
    """The layers of a model in topological order, those of nested models included."""
    for child in layer.layers:
        if isinstance(child, keras.Model):
            yield from leaves(child)
        else:
            yield child


def _span(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
