"""A functional model as plain boxes and arrows, to fold, to draw and to write down."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

INPUT, OUTPUT = "input", "output"  # what is outside of a part
WORDS = {"BatchNormalization": "batch norm", "LayerNormalization": "layer norm", "Add": "sum"}
BLOCK = re.compile(r"(stage\d+_block\d+)_")
STAGE = re.compile(r"(stage\d+)_")
HEAD = re.compile(r"(head)_(?:class1?|box1?)_")  # of a detector, at its first map


@dataclass(frozen=True)
class Box:
    """A layer, or several that are drawn as one.

    Attributes:
        name: of the layer; of one that is called again, with the number of the call behind it.
        kind: its class.
        text: what it does, in the words of papers: "3x3 Conv, 64 filters, stride 2".
        shape: of its output without the batch: "56x56x64"; "" where nobody says.
        parents: names of the boxes that feed it, each once; empty at the inputs.
        count: layers that it stands for.
    """

    name: str
    kind: str
    text: str
    shape: str = ""
    parents: tuple[str, ...] = ()
    count: int = 1


def boxes(model: "keras.Model") -> list[Box]:
    """Every layer of a functional model, parents before children.

    Operations that are no layers have a box where several values meet; the others are passed over.

    Raises:
        ValueError: the model has no graph of layers.
    """
    from keras import Layer

    from kapps.inspect import running

    # Keras has no public word for the graph.
    by_depth = getattr(running.inner(model), "_nodes_by_depth", None)
    if not by_depth:
        raise ValueError(
            f"model {model.name!r} is a {type(model).__name__} without a graph of layers; give a "
            "functional or sequential model that was built."
        )
    found, calls, made = [], {}, {}
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            own = node.operation
            tensors = node.input_tensors
            parents = tuple(dict.fromkeys(name for t in tensors for name in made.get(id(t), ())))
            if not isinstance(own, Layer) and len(parents) < 2:
                made |= {id(tensor): parents for tensor in node.output_tensors}
                continue
            calls[own.name] = calls.get(own.name, 0) + 1
            name = own.name if calls[own.name] == 1 else f"{own.name} ({calls[own.name]})"
            made |= {id(tensor): (name,) for tensor in node.output_tensors}
            shape = "x".join("?" if s is None else str(s) for s in node.output_tensors[0].shape[1:])
            found.append(Box(name, type(own).__name__, label(own), shape, parents))
    return found


def label(layer) -> str:
    """What a layer does, in the words of papers."""
    kind = type(layer).__name__
    size = _sides(getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", ()))
    words = [WORDS.get(kind, kind)]
    if size:
        words = [f"{'x'.join(size)} {kind.removesuffix('2D')}"]
    if kind in ("Conv2D", "SeparableConv2D"):
        words.append(f"{layer.filters} filters")
    if kind == "Activation":
        words = [getattr(layer.activation, "__name__", "activation")]
    if kind == "Dense":
        words.append(f"{layer.units} units")
    if getattr(layer, "groups", 1) > 1 and "Depthwise" not in kind:
        words.append(f"{layer.groups} groups")
    strides = _sides(getattr(layer, "strides", 1))[0]
    if strides != "1":
        words.append(f"stride {strides}")
    return ", ".join(words)


def _sides(value) -> list[str]:
    """Keras takes one number for both."""
    return [str(side) for side in ((value, value) if isinstance(value, int) else value)]


def part(graph: Sequence[Box], prefix: str) -> list[Box]:
    """The boxes of a block, a stage or a layer, whose other neighbours are INPUT and OUTPUT.

    Args:
        graph: a whole model.
        prefix: with which the names begin, up to an underscore or their end.

    Raises:
        ValueError: no name does.
    """
    inside = re.compile(re.escape(prefix) + r"(_|\b)")
    chosen = [box for box in graph if inside.match(box.name)]
    if not chosen:
        raise ValueError(
            f"block={prefix!r} begins no layer's name; the model has {_some(prefixes(graph))}."
        )
    return cut(chosen)


def cut(chosen: Sequence[Box]) -> list[Box]:
    """Boxes of a graph on their own: what feeds them from elsewhere is INPUT."""
    names = {box.name for box in chosen}
    return [
        replace(
            box,
            parents=tuple(dict.fromkeys(p if p in names else INPUT for p in box.parents))
            or (INPUT,),
        )
        for box in chosen
    ]


def prefixes(graph: Iterable[Box]) -> list[str]:
    """Names of the blocks of a graph, else of its stages, else of its layers."""
    names = [box.name for box in graph]
    for pattern in (BLOCK, STAGE):
        found = list(dict.fromkeys(m[1] for name in names if (m := pattern.match(name))))
        if found:
            return found
    return names


def typical(graph: Sequence[Box]) -> tuple[str, list[Box]]:
    """The part that tells most about a network: (its prefix, its boxes).

    A detector's head; else the first block with a sum, the first block, the first stage; else the
    prefix is "" and it is all but the inputs.
    """
    # Its layers are called again for each further map, which is no part of how it is built.
    head = [box for box in graph if HEAD.match(box.name) and "(" not in box.name]
    if head:
        return "head", cut(head)
    for pattern in (BLOCK, STAGE):
        groups: dict[str, list[Box]] = {}
        for box in graph:
            if match := pattern.match(box.name):
                groups.setdefault(match[1], []).append(box)
        if groups:
            sums = [name for name, own in groups.items() if any(b.kind == "Add" for b in own)]
            prefix = (sums or list(groups))[0]
            return prefix, cut(groups[prefix])
    return "", cut([box for box in graph if box.kind != "InputLayer"])


def arrows(graph: Iterable[Box]) -> Iterator[tuple[str, str]]:
    """(from, to) of each arrow, to OUTPUT from what feeds nothing."""
    graph = list(graph)
    for box in graph:
        for parent in box.parents:
            yield parent, box.name
    used = {parent for box in graph for parent in box.parents}
    for box in graph:
        if box.name not in used:
            yield box.name, OUTPUT


def _some(names: Sequence[str], limit: int = 8) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" * (len(names) > limit))
