"""A functional model whose layers are called without ceremony where each call is made anew."""

import collections
import functools
from typing import Any, NamedTuple

import keras

from kapps.layers import kernels
from kapps.layers.convolution import Conv2D, DepthwiseConv2D, padded
from kapps.layers.normalization import BatchNormalization

_CONVOLUTIONS = (Conv2D, DepthwiseConv2D)
# What they give is an array of their own.
_MAKERS = (*_CONVOLUTIONS, BatchNormalization, keras.layers.Add)


class _Step(NamedTuple):
    """One call of a layer: which values it takes, which it gives, which nobody needs after it."""

    layer: Any
    call: Any
    takes: Any  # the number of a value, or a list of them
    training: bool  # whether the call has that argument
    gives: int
    done: tuple[int, ...] = ()
    alone: bool = False  # whether it is the only reader of an array, its first, which it may take


@keras.saving.register_keras_serializable(package="kapps")
class Network(keras.Model):
    """Keras's functional model, with a shorter way through it on torch.

    TensorFlow and JAX trace a model once. On torch every step calls every layer, and Keras checks,
    converts and binds its arguments each time, 0.1 ms and more a layer. Here the calls are put in a
    row once, zeros around an image are left to the convolution that reads them, and a value is let
    go after its last reader; without gradients, an activation or a sum takes over the memory of
    what only it reads. What needs Keras's care takes Keras's way: masks, hooks, mixed precision,
    several devices, and single layers with more to them.
    """

    def call(self, inputs, training=None, mask=None):
        if mask is None and (row := self._row()):
            values = {0: self._standardize_inputs(inputs)[0]}
            overwriting = kernels.find("overwriting")
            overwrites = not kernels.find("records_gradients")()
            for layer, call, takes, trains, gives, done, alone in row:
                x = [values[i] for i in takes] if isinstance(takes, list) else values[takes]
                if overwrites and alone and (over := overwriting(_function_of(layer))):
                    values[gives] = over(*x) if isinstance(x, list) else over(x)
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
    steps, sums = [], set()
    by_depth = network._nodes_by_depth
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.is_input:
                continue
            layer, takes = node.operation, _numbers_of(node, numbers)
            if takes is None:
                return None, []
            gives = numbers[id(node.output_tensors[0])] = len(numbers)
            training = isinstance(layer, keras.Layer) and layer._call_has_training_arg
            call = layer.call if _goes_straight(layer) else layer
            steps.append(_Step(layer, call, takes, training, gives))
            if type(layer) is keras.layers.Add and len({x.shape for x in node.input_tensors}) == 1:
                sums.add(gives)
    kept = [numbers[id(x)] for x in network.outputs]
    steps = _without_zeros(steps, kept)
    last = {number: i for i, step in enumerate(steps) for number in _listed(step.takes)}
    done = collections.defaultdict(list)
    for number, row in last.items():
        if number not in kept:
            done[row].append(number)
    readers, makers = _readers_of(steps), {step.gives: type(step.layer) for step in steps}
    free = {n for n, kind in makers.items() if kind in _MAKERS and readers[n] == 1} - set(kept)
    return [
        _taking_over(step._replace(done=tuple(done[i])), free, sums) for i, step in enumerate(steps)
    ], kept


def _listed(takes) -> list[int]:
    return takes if isinstance(takes, list) else [takes]


def _readers_of(steps: list[_Step]) -> collections.Counter:
    """How often each value is read."""
    return collections.Counter(number for step in steps for number in _listed(step.takes))


def _without_zeros(steps: list[_Step], kept: list[int]) -> list[_Step]:
    """Each ZeroPadding2D that a convolution alone reads as the padding of that."""
    readers = _readers_of(steps)
    zeros = {
        step.gives: step
        for step in steps
        if type(step.layer) is keras.layers.ZeroPadding2D
        and _goes_straight(step.layer)
        and readers[step.gives] == 1
        and step.gives not in kept
    }
    merged = {}
    for step in steps:
        layer = step.layer
        before = None if isinstance(step.takes, list) else zeros.get(step.takes)
        if (
            before
            and type(layer) in _CONVOLUTIONS
            and _goes_straight(layer)
            and layer.padding == "valid"
            and layer.data_format == before.layer.data_format
        ):
            call = functools.partial(padded, layer, zeros=before.layer.padding)
            step = step._replace(call=call, takes=before.takes)
            merged.pop(before.gives)
        merged[step.gives] = step
    return list(merged.values())


def _taking_over(step: _Step, free: set[int], sums: set[int]) -> _Step:
    """The step with `alone` where it may write over one of `free`, which it takes first."""
    if type(step.layer) is keras.layers.Activation and _goes_straight(step.layer):
        return step._replace(alone=step.takes in free)
    if step.gives in sums and len(step.takes) == 2 and _goes_straight(step.layer):
        takes = sorted(step.takes, key=lambda number: number not in free)
        return step._replace(takes=takes, alone=takes[0] in free)
    return step


def _function_of(layer):
    """What an activation or a sum computes, as Keras names it."""
    return keras.ops.add if type(layer) is keras.layers.Add else layer.activation


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
