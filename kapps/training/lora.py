"""Low-rank adaptation: what a Dense layer learns is the product of two thin matrices.

Keras's own `enable_lora` does it (Hu et al., 2021, arXiv:2106.09685, section 4.1). Here are which
layers do, and how a model is saved as if its kernels had been trained themselves.
"""

import contextlib
from collections.abc import Iterator

import keras

from kapps.training import freezing
from kapps.training.state import to_numpy


def adapt(model: keras.Model, rank: int) -> freezing.Frozen:
    """Freeze `model` but for its classifier and a change of rank `rank` of each kernel below it.

    Args:
        model: functional, ends in a Dense classifier; the Dense layers below it learn by two
            matrices (inputs, rank) and (rank, outputs), the second of which begins at zero. Those
            of queries, keys and values, of the projection and of the two layers behind them are
            all the Dense layers of a transformer.
        rank: at least 1; kernels that are not larger than it stay frozen.

    Raises:
        ValueError: there is no such layer.
    """
    freezing.unfreeze(model, "none")
    layers = [
        layer
        for layer in freezing.leaves(model)
        if isinstance(layer, keras.layers.Dense)
        and not layer.trainable
        and min(layer.kernel.shape) > rank
    ]
    if not layers:
        raise ValueError(
            f"lora={rank}: {model.name} has no Dense layer below its classifier with more than "
            f"{rank} inputs and outputs; use a transformer, or --unfreeze."
        )
    for layer in layers:
        layer.trainable = True
        layer.enable_lora(rank)
        for variable in (layer._kernel, layer.bias):
            if variable is not None:
                variable.trainable = False
    return freezing.describe(model)


@contextlib.contextmanager
def merged(model: keras.Model) -> Iterator[None]:
    """Inside, the adapted layers of `model` are plain ones with the kernels that they have learnt.

    So it is saved as a file that any Keras loads, of the size that it had before.
    """
    adapted = [layer for layer in freezing.leaves(model) if getattr(layer, "lora_enabled", False)]
    kept = []
    for layer in adapted:
        kept.append((layer, to_numpy(layer._kernel), layer.lora_rank))
        layer._kernel.assign(layer.kernel)
        layer.lora_enabled, layer.lora_rank = False, None
    try:
        yield
    finally:
        for layer, kernel, rank in kept:
            layer.lora_enabled, layer.lora_rank = True, rank
            layer._kernel.assign(kernel)
