"""A functional model run layer by layer, with its inner maps within reach.

Whoever asks for the gradient of a number with respect to a map in the middle of a network has to be
able to change that map. Zeros are added to it here, and the gradient with respect to these zeros is
the one that was asked for, on every backend.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from keras import ops

from kapps.errors import did_you_mean

ENDS = (keras.activations.softmax, keras.activations.sigmoid)


def inner(model):
    """What has the graph of a model: itself, or what is inside a `keras.Sequential`."""
    return getattr(model, "_functional", None) or model


def functional(model: keras.Model):
    """The same of a model that takes an image.

    Raises:
        ValueError: it has none, or no single image as its input.
    """
    graph = inner(model)
    if not hasattr(graph, "_run_through_graph"):
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__} without a graph of layers; give a "
            "functional or sequential model that was built"
        )
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        shapes = ", ".join(str(tensor.shape) for tensor in graph.inputs)
        raise ValueError(
            f"model {model.name!r} takes {shapes}; expected one image (batch, height, width, "
            "channels)"
        )
    return graph


def layers_of(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers of a model in the order of its graph, those inside of models in it included."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= layers_of(layer)
        else:
            found[layer.name] = layer
    return found


def find(model: keras.Model, name: str) -> keras.layers.Layer:
    """The layer of that name.

    Raises:
        ValueError: there is none.
    """
    layers = layers_of(model)
    if name not in layers:
        guess = did_you_mean(name, layers, otherwise="; kapps info --layers lists them")
        raise ValueError(f"{model.name!r} has no layer {name!r}{guess}")
    return layers[name]


def channels_first(model: keras.Model) -> bool:
    """Whether a model takes images as (batch, channels, height, width): as its first layer does."""
    formats = (getattr(layer, "data_format", None) for layer in layers_of(model).values())
    return next(filter(None, formats), None) == "channels_first"


def run(
    model: keras.Model,
    images,
    added: Mapping[str, Any] | None = None,
    seen: Callable[[str], bool] | None = None,
    logits: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Call the layers of a model in inference, one by one.

    Args:
        model: functional, with one input.
        images: a tensor as its input takes it.
        added: layer -> tensor that is added to its output.
        seen: says of the name of a layer whether its output is wanted.
        logits: whether a softmax or a sigmoid at the end of the model is left out.

    Returns:
        (outputs, {layer: its output, with what was added; None where it is called several times}).

    Raises:
        ValueError: a layer to add to is called several times, so that it has no one output.
    """
    graph, added, maps = functional(model), added or {}, {}
    last = {id(operation) for operation in _last(graph)} if logits else set()

    def called(operation):
        nested = inner(operation)
        if hasattr(nested, "_run_through_graph"):
            return lambda x, **_: nested._run_through_graph(x, operation_fn=called)
        name = operation.name
        wanted = name in added or (seen is not None and seen(name))
        if not wanted and id(operation) not in last:
            return operation
        if isinstance(operation, keras.layers.Softmax) and id(operation) in last:
            return lambda x, *_, **__: x

        def call(*args, **kwargs):
            with without_activation(operation, ENDS if id(operation) in last else ()):
                output = operation(*args, **kwargs)
            if wanted:
                again = name in maps
                if again and name in added:
                    raise ValueError(f"layer {name!r} is called several times; choose another one")
                output = output + added[name] if name in added else output
                maps[name] = None if again else output
            return output

        return call

    outputs = graph._run_through_graph(ops.cast(images, "float32"), operation_fn=called)
    return outputs, maps


def _last(graph) -> Iterator[Any]:
    """The operations that give the outputs."""
    for tensor in graph.outputs:
        operation = tensor._keras_history.operation
        nested = inner(operation)
        if hasattr(nested, "_run_through_graph"):
            yield from _last(nested)
        else:
            yield operation


@contextlib.contextmanager
def without_activation(layer, which: tuple | None = None) -> Iterator[None]:
    """A layer without the function at its end, for the time of a call.

    Args:
        layer: any; one without such a function stays as it is.
        which: functions that are left out; None for all.
    """
    activation = getattr(layer, "activation", None)
    if not callable(activation) or (which is not None and activation not in which):
        yield
        return
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation
