"""A functional model whose layers are called without ceremony where each call is made anew."""

import collections
from typing import Any, NamedTuple

import keras

from kapps.layers import kernels
from kapps.layers.convolution import Conv2D, DepthwiseConv2D
from kapps.layers.normalization import BatchNormalization

_MAKERS = (Conv2D, DepthwiseConv2D, BatchNormalization)  # what they give is an array of their own


class _Step(NamedTuple):
    """One call of a layer: which values it takes, which it gives, which nobody needs after it."""

    call: Any
    takes: Any  # the number of a value, or a list of them
    training: bool  # whether the call has that argument
    gives: int
    done: tuple[int, ...]
    alone: Any  # the layer, if it is an activation and the only reader of an array


@keras.saving.register_keras_serializable(package="kapps")
class Network(keras.Model):
    """Keras's functional model, with a shorter way through it on torch.

    TensorFlow and JAX trace a model once. On torch every step calls every layer, and Keras checks,
    converts and binds its arguments each time, 0.1 ms and more a layer. Here the calls are put in a
    row once, and a value is let go after its last reader; without gradients, an activation takes
    over the memory of what only it reads. What needs Keras's care takes Keras's way: masks, hooks,
    mixed precision, several devices, and single layers with more to them.
    """

    def call(self, inputs, training=None, mask=None):
        if mask is None and (row := self._row()):
            values = {0: self._standardize_inputs(inputs)[0]}
            overwriting = kernels.find("overwriting")
            overwrites = not kernels.find("records_gradients")()
            for call, takes, trains, gives, done, alone in row:
                x = [values[i] for i in takes] if isinstance(takes, list) else values[takes]
                if overwrites and alone and (act := overwriting(alone.activation)):
                    values[gives] = act(x)
                else:
                    values[gives] = call(x, training=training) if trains else call(x)
                for number in done:
                    del values[number]
            outputs = [values[number] for number in self._kept]
            return keras.tree.pack_sequence_as(self._outputs_struct, outputs)
        return super().call(inputs, training=training, mask=mask)

    def _row(self) -> list[_Step] | None:
        """The calls in order, or None where Keras's own way is taken."""
        if kernels.find("calls_layers_anew") is None or not self._is_plain():
            return None
        if "_steps" not in vars(self):
            # Not tracked by Keras, which would wrap the list, nor by torch.
            vars(self)["_steps"], vars(self)["_kept"] = _steps_of(self)
        return self._steps

    def _is_plain(self) -> bool:
        """Whether every layer can be called as it is, which hooks and policies may change."""
        return keras.distribution.distribution() is None and all(map(_is_plain, self.layers))


def _is_plain(layer) -> bool:
    hooks = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
    return not (hooks or layer._backward_pre_hooks) and layer.dtype_policy.name == "float32"


def _steps_of(network) -> tuple[list[_Step] | None, list[int]]:
    """The row of a network, and the numbers of its outputs."""
    if len(network.inputs) != 1:
        return None, []
    numbers = {id(network.inputs[0]): 0}
    rows, last, makers = [], {}, {}
    readers = collections.Counter()
    by_depth = network._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.is_input:
                continue
            layer, takes = node.operation, _numbers_of(node, numbers)
            if takes is None:
                return None, []
            for number in takes if isinstance(takes, list) else [takes]:
                last[number] = len(rows)
                readers[number] += 1
            gives = numbers[id(node.output_tensors[0])] = len(numbers)
            makers[gives] = layer
            training = isinstance(layer, keras.Layer) and layer._call_has_training_arg
            call = layer.call if _goes_straight(layer) else layer
            rows.append((layer, call, takes, training, gives))
    kept = [numbers[id(x)] for x in network.outputs]
    done, steps = collections.defaultdict(list), []
    for number, row in last.items():
        if number not in kept:
            done[row].append(number)
    for i, (layer, call, takes, training, gives) in enumerate(rows):
        only = done[i] == [takes] and readers[takes] == 1 and type(makers.get(takes)) in _MAKERS
        only = only and type(layer) is keras.layers.Activation and _goes_straight(layer)
        steps.append(_Step(call, takes, training, gives, tuple(done[i]), layer if only else None))
    return steps, kept


def _numbers_of(node, numbers):
    """The values that a node takes, if they are one tensor or one list of tensors."""
    arguments = node.arguments
    # Keras notes the default of a layer's `training`, which that of the model's call replaces.
    told = {name: value for name, value in arguments.kwargs.items() if value is not None}
    plain = told in ({}, {"training": False})
    if not plain or len(arguments.args) != 1 or len(node.output_tensors) != 1:
        return None
    (given,) = arguments.args
    if isinstance(given, list | tuple):
        found = [numbers.get(id(x)) for x in given]
        return None if None in found else found
    return numbers.get(id(given))


def _goes_straight(layer) -> bool:
    """Whether a call of `layer` would do nothing but its `call`."""
    return (
        isinstance(layer, keras.Layer)
        and layer.built
        and type(layer).__call__ is keras.Layer.__call__
        and not isinstance(layer, keras.Model)
        and layer.activity_regularizer is None
    )
