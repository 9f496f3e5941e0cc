"""The flow charts of the family pages, which GitHub draws by itself, as pictures of the site."""

import re

NODE = re.compile(r'^(\w+)(\[\[?)"(.*?)"\]\]?$')
ARROW = re.compile(r"^(\w+) --> (\w+)$")


def picture(chart: str, title: str) -> str:
    """HTML of a chart in Mermaid's words, as tools/tables/blocks.py writes it.

    Raises:
        ValueError: a line that such a chart does not have.
    """
    from kapps.inspect import Box, svg

    texts: dict[str, tuple[str, str]] = {}
    parents: dict[str, list[str]] = {}
    for line in map(str.strip, chart.splitlines()):
        if match := NODE.match(line):
            texts[match[1]] = match[2], match[3]
        elif match := ARROW.match(line):
            parents.setdefault(match[2], []).append(match[1])
        elif line and line != "flowchart TD":
            raise ValueError(
                f"{line!r} is not understood in a chart; write it as tools.tables does."
            )
    boxes = []
    for name, (mark, said) in texts.items():
        text, _, shape = said.partition("<br/>")
        kind = "Block" if mark == "[[" else _kind(text)
        boxes.append(Box(name, kind, text, shape, tuple(parents.get(name, ()))))
    drawn = svg(boxes, title).strip()
    return f'<div class="kapps-picture" data-search-exclude markdown="0">{drawn}</div>'


def _kind(text: str) -> str:
    """What chooses the colour: the class, where the words of papers are others."""
    words = {"batch norm": "Norm", "layer norm": "Norm", "sum": "Add", "relu": "ReLU"}
    words |= dict.fromkeys(("relu6", "silu", "gelu", "hard_swish", "sigmoid", "tanh"), "Activation")
    first = text.partition(", ")[0].partition(" + ")[0]
    return words.get(first, first)
