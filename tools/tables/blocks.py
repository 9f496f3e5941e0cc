"""A block of a network as a Mermaid flow chart, drawn from its functional graph."""

import re
from collections.abc import Iterator

BLOCK = re.compile(r"(stage\d+_block\d+)_")
STAGE = re.compile(r"(stage\d+)_")
HEAD = re.compile(r"(head)_(?:class1?|box1?)_")  # of a detector, at its first map
WORDS = {"BatchNormalization": "batch norm", "LayerNormalization": "layer norm", "Add": "sum"}


def draw(name: str) -> str:
    """The text that follows the heading on the page of a family.

    Args:
        name: of an application, whose first block with a sum is drawn; without one its first stage,
            or, where nothing has the name of a stage, all of it.
    """
    import keras

    import kapps

    keras.backend.clear_session()
    model = kapps.applications.get(name)(weights=None)
    prefix, layers = _chosen(model)
    what = f"`{prefix}`" if prefix else "All"
    lines = [*_nodes(layers), *_edges(layers)]
    chart = "\n".join(f"    {line}" for line in lines)
    return f"\n{what} of `{name}`, from its graph.\n\n```mermaid\nflowchart TD\n{chart}\n```\n"


def _chosen(model) -> tuple[str, list]:
    head = [layer for layer in model.layers if HEAD.match(layer.name)]
    if head:
        return "head", head
    for pattern in (BLOCK, STAGE):
        groups: dict[str, list] = {}
        for layer in model.layers:
            if match := pattern.match(layer.name):
                groups.setdefault(match[1], []).append(layer)
        if groups:
            sums = [p for p, found in groups.items() if any(_kind(x) == "Add" for x in found)]
            prefix = (sums or list(groups))[0]
            return prefix, groups[prefix]
    return "", [layer for layer in model.layers if _kind(layer) != "InputLayer"]


def _kind(layer) -> str:
    return type(layer).__name__


def _nodes(layers: list) -> Iterator[str]:
    for layer in layers:
        output = layer.output if hasattr(layer.output, "shape") else layer.output[0]
        shape = "x".join(str(side) for side in output.shape[1:])
        yield f'{layer.name}["{_label(layer)}<br/>{shape}"]'


def _label(layer) -> str:
    """What a layer does, in the words of papers."""
    kind = _kind(layer)
    size = "x".join(_sides(getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", ())))
    words = [WORDS.get(kind, kind)]
    if size:
        words = [f"{size} {kind.removesuffix('2D')}"]
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


def _edges(layers: list) -> Iterator[str]:
    names = {layer.name for layer in layers}
    used = set()
    for layer in layers:
        # Two tensors of one layer, or two that come from outside, are one arrow.
        for parent in dict.fromkeys(_parents(layer, names)):
            used.add(parent)
            yield f"{parent} --> {layer.name}"
    for layer in layers:
        if layer.name not in used:
            yield f"{layer.name} --> output"


def _parents(operation, names: set[str]) -> Iterator[str]:
    """The layers that feed an operation, through those that are no layers; "input" for others."""
    from keras import Layer

    for node in operation._inbound_nodes[0].parent_nodes:
        parent = node.operation
        if parent.name in names:
            yield parent.name
        elif isinstance(parent, Layer):
            yield "input"
        else:
            yield from _parents(parent, names)
