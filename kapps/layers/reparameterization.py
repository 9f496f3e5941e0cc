"""Networks that train as sums of branches and predict as one convolution for each sum."""

from collections import Counter

import keras
from keras import layers

from kapps.layers.convolution import StandardizedConv2D
from kapps.layers.folding import Branch, Sum, fold

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def reparameterize(model: keras.Model) -> keras.Model:
    """The network that a trained one of several branches amounts to: same outputs, fewer layers.

    Where a sum adds convolutions of one input, each with a norm of its own, or the norm of that
    input itself, one convolution with a bias does the same in inference; and so does any
    convolution alone with the norm after it. This is what RepVGG and MobileOne are made for.

    Args:
        model: a functional model, built or loaded, with whichever head.

    Returns:
        A functional model with weights of its own, to predict with or to export; `model` itself,
        as it is, where no branches are added, so that any network may be given.

    Source: RepVGG (Ding et al., 2021, arXiv:2101.03697), section 3.3.
    """
    sums = find_sums(model)
    return fold(model, sums) if any(s.add for s in sums) else model


def find_sums(model: keras.Model) -> list[Sum]:
    """What can be folded in a functional model; nothing in any other."""
    if not hasattr(model, "operations"):
        return []
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    calls = Counter(id(node.operation) for node in nodes)
    readers = Counter(id(x) for node in nodes for x in node.input_tensors)
    readers.update(id(x) for x in model.outputs)
    branches = {
        id(node.output_tensors[0]): _branch(node, calls, readers)
        for node in nodes
        if isinstance(node.operation, layers.BatchNormalization) and calls[id(node.operation)] == 1
    }
    sums = []
    for node in nodes:
        found = [branches.get(id(x)) for x in node.input_tensors]
        added = type(node.operation) is layers.Add and calls[id(node.operation)] == 1
        if added and None not in found and _add_up(node, found, readers):
            first = _largest(found)
            others = [branch for branch in found if branch is not first]
            sums.append(Sum((first, *others), (node.operation.name, found.index(first))))
    taken = {id(branch) for s in sums for branch in s.branches}
    alone = (b for b in branches.values() if b.linear is not None and id(b) not in taken)
    return sums + [Sum((branch,)) for branch in alone]


def _branch(node, calls: Counter, readers: Counter) -> Branch:
    """The branch that ends in a call of a norm."""
    norm, x = node.operation, node.input_tensors[0]
    linear, source = _made_by(x)
    foldable = isinstance(linear, (*CONVOLUTIONS, layers.Dense))
    once = calls[id(linear)] == readers[id(x)] == 1
    if not (foldable and once and _fits(linear, norm, len(x.shape))):
        return Branch(x, norm)
    pad, unpadded = _made_by(source)
    if isinstance(pad, layers.ZeroPadding2D) and calls[id(pad)] == 1:
        return Branch(unpadded, norm, linear, pad)
    return Branch(source, norm, linear)


def _made_by(x):
    """The layer that made a tensor, and what it made it of; None twice for an input."""
    history = x._keras_history
    inputs = history.operation._inbound_nodes[history.node_index].input_tensors
    return (history.operation, inputs[0]) if len(inputs) == 1 else (None, None)


def _fits(layer, norm, rank: int) -> bool:
    """Whether the layer is linear and the norm works on its output channels."""
    if isinstance(layer, StandardizedConv2D):  # takes any factor out of its kernel again
        return False
    first = getattr(layer, "data_format", "channels_last") == "channels_first"
    return (
        norm.axis % rank == (1 if first else rank - 1)
        and layer.activation is keras.activations.linear
    )


def _largest(branches: list[Branch]) -> Branch:
    """The branch in whose kernel the others have a place."""
    return max(branches, key=lambda branch: branch.size if branch.linear is not None else (0, 0))


def _add_up(node, branches: list[Branch], readers: Counter) -> bool:
    """Whether one convolution can do what these branches do, added by a call of Add."""
    shapes = {tuple(x.shape) for x in node.input_tensors}
    if len(shapes) > 1 or any(readers[id(x)] > 1 for x in node.input_tensors):
        return False
    linear = [branch for branch in branches if branch.linear is not None]
    if not all(isinstance(branch.linear, CONVOLUTIONS) for branch in linear):
        return False
    if len({id(b.x) for b in branches}) > 1 or len({b.geometry for b in linear}) != 1:
        return False
    first = _largest(linear)
    if len(linear) < len(branches) and tuple(first.linear.strides) != (1, 1):
        return False
    for branch in branches:
        known = _known(branch) if branch in linear else _fits(first.linear, branch.norm, 4)
        before, after = zip(*branch.place_in(first), strict=True)
        if not known or min(before + after) < 0:
            return False
    return True


def _known(branch: Branch) -> bool:
    """Whether it is certain where the kernel lies, whatever the size of the image."""
    layer = branch.linear
    plain = tuple(layer.dilation_rate) == (1, 1) and getattr(layer, "depth_multiplier", 1) == 1
    moves = layer.padding == "same" and tuple(layer.strides) != (1, 1) and branch.size != (1, 1)
    return plain and not moves and (branch.pad is None or layer.padding == "valid")
