"""A block of a network, and all of it folded, as Mermaid flow charts drawn from its graph.

GitHub draws them; `tools/site` draws them with `kapps.inspect.drawing`.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tools.tables import facts

if TYPE_CHECKING:  # whether the pages are current is found out without Keras
    from kapps.inspect import Box

NETWORK = "## The network\n"


def draw(name: str) -> str:
    """The text that follows the heading "A block" on the page of a family.

    Args:
        name: of an application, which is built on torch.
    """
    import keras

    import kapps
    from kapps.inspect import graph

    keras.backend.clear_session()
    with facts.shapes_alone():
        return text(name, graph.boxes(kapps.applications.get(name)(weights=None)))


def text(name: str, boxes: Sequence["Box"]) -> str:
    """The same from the graph of the network."""
    from kapps.inspect import folding, graph

    prefix, block = graph.typical(boxes)
    told = f"\n{f'`{prefix}`' if prefix else 'All'} of `{name}`, from its graph.\n\n{chart(block)}"
    folded = folding.fold(boxes)
    if len(folded) >= len(block) and not prefix:
        return told  # a network so small that its block is all of it
    command = f"`kapps draw {name}` makes this picture, with `--block NAME` that of any block."
    return f"{told}\n{NETWORK}\n{command}\n\n{chart(folded)}"


def chart(boxes: Sequence["Box"]) -> str:
    """A flow chart in Mermaid's words; what stands for blocks has the double line of a routine."""
    from kapps.inspect import graph

    lines = []
    for box in boxes:
        says = "<br/>".join(filter(None, (box.text, box.shape)))
        left, right = ("[[", "]]") if box.kind == "Block" else ("[", "]")
        lines.append(f'{_id(box.name)}{left}"{says}"{right}')
    inside = any(graph.INPUT in box.parents for box in boxes)
    lines += [
        f"{_id(a)} --> {_id(b)}" for a, b in graph.arrows(boxes) if inside or b != graph.OUTPUT
    ]
    return "```mermaid\nflowchart TD\n" + "".join(f"    {line}\n" for line in lines) + "```\n"


def _id(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")
