"""Adapters: thin layers between those of a frozen transformer, which learn in place of its kernels.

Unlike low-rank changes (`lora`) they cannot be added into the kernels: the saved network has them,
as plain Dense layers of Keras.
"""

import re

import keras

from kapps.layers.initializers import initializer
from kapps.training import freezing

KINDS = ("serial", "parallel")
BRANCH = re.compile(r"(.+_(?:attention|mlp))_project")
MLP = re.compile(r"(.+_mlp)_expand")
WORD = "_adapter_"  # in the names of their layers
SCALE = 0.1  # of parallel ones


def insert(model: keras.Model, units: int, kind: str = "serial") -> keras.Model:
    """The same network with adapters of that many units in its transformer blocks.

    Each is a Dense layer to `units`, an activation, and a Dense layer back that begins at zero: at
    first the network answers as before.

    Args:
        model: functional, with the names of `kapps.layers.transformer.TokenBlocks`. It is left as
            it is.
        units: of the bottleneck, at least 1.
        kind: "serial": behind both branches of each block, `y + up(gelu(down(y)))` (Houlsby et al.,
            2019, arXiv:1902.00751, figure 2); "parallel": beside its MLP, `y + 0.1 *
            up(relu(down(x)))` with what the MLP gets as x (AdaptFormer, Chen et al., 2022,
            arXiv:2205.13535, equation 2).

    Returns:
        A flat functional model with the weights of `model`, its layers' copies.

    Raises:
        ValueError: there is no such block.
    """
    inputs_of, made = {}, []

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        if not isinstance(layer, keras.layers.Dense):
            return outputs
        if match := MLP.fullmatch(layer.name):
            inputs_of[match[1]] = args[0]
        match = BRANCH.fullmatch(layer.name)
        if match and (kind == "serial" or match[1] in inputs_of):
            made.append(match[1])
            return _adapted(outputs, inputs_of.get(match[1]), units, kind, match[1])
        return outputs

    copy = keras.models.clone_model(model, call_function=call)
    if not made:
        raise ValueError(
            f"adapter={units}: {model.name} has no transformer blocks; use a transformer, or "
            "--unfreeze."
        )
    arrays = {layer.name: layer.get_weights() for layer in model.layers}
    for layer in copy.layers:
        if layer.name in arrays:
            layer.set_weights(arrays[layer.name])
    return copy


def _adapted(outputs, inputs, units: int, kind: str, name: str):
    """What the branch `name` gives, with an adapter."""
    x = outputs if kind == "serial" else inputs
    x = keras.layers.Dense(
        units,
        "gelu" if kind == "serial" else "relu",
        kernel_initializer=initializer("he_normal"),
        bias_initializer=initializer("zeros"),
        name=f"{name}{WORD}down",
    )(x)
    x = keras.layers.Dense(
        outputs.shape[-1],
        kernel_initializer=initializer("zeros"),
        bias_initializer=initializer("zeros"),
        name=f"{name}{WORD}up",
    )(x)
    if kind == "parallel":
        x = keras.layers.Rescaling(SCALE, name=f"{name}{WORD}scale")(x)
    return keras.layers.Add(name=f"{name}{WORD}add")([outputs, x])


def unfreeze(model: keras.Model, kind: str = "serial") -> freezing.Frozen:
    """Train the adapters and the classifier of what `insert` gave, and nothing else.

    With those of "serial" also the layer normalisations, as their paper does it (section 2.1).
    """
    freezing.unfreeze(model, "none")
    for layer in freezing.leaves(model):
        norm = kind == "serial" and isinstance(layer, keras.layers.LayerNormalization)
        if WORD in layer.name or norm:
            layer.trainable = True
    return freezing.describe(model)
