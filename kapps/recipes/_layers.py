"""The layer table for people: on a terminal, in Markdown, as a page."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kapps.recipes import _tables

if TYPE_CHECKING:
    from kapps.inspect import LayerRow, Memory

COLUMNS = (
    *("layer", "class", "output", "size", "kernel", ">filters", ">parameters", "how"),
    *(">multiply-adds", ">activation", ">sees", ">jump", ">centre"),
)
LEGEND = (
    "kernel: size/stride, p: same padding, d: dilation. sees: height x width in pixels of what one "
    "position depends on (* scaled by numbers of the whole image); jump: pixels between "
    "neighbours; centre: of what the first position sees. activation: bytes for one image in "
    "float32."
)


def size_of(count: float) -> str:
    """1500000 -> "1.5 MB"."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.3g} {unit}"
    return f"{count:.0f} B"


def cells(row: "LayerRow") -> tuple[str, ...]:
    """A row as text, in the order of COLUMNS."""
    return (
        row.name,
        row.kind,
        _shape(row.output_shape[1:]),
        row.size_formula,
        _kernel(row),
        str(row.filters or ""),
        f"{row.params:,}" if row.params else "",
        row.params_formula.rpartition(" = ")[0],
        f"{row.macs:,}" if row.macs else "",
        size_of(row.activations),
        "all" if row.receptive_field is None else _shape(row.receptive_field) + "*" * row.context,
        "" if row.jump is None else _pair(row.jump),
        "" if row.centre is None else _pair(row.centre),
    )


def totals(
    rows: Sequence["LayerRow"], answering: "Memory", training: "Memory", how: tuple[int, str]
) -> list[tuple[str, str]]:
    """(what, how much) of the whole model.

    Args:
        rows: of its table.
        answering: for one image. training: with Adam, for `how`: a batch size and a precision.
    """
    batch, precision = how
    return [
        ("parameters", f"{sum(row.params for row in rows):,}"),
        ("multiply-adds", f"{sum(row.macs for row in rows):,}"),
        (
            "memory, one image",
            f"{size_of(answering.total)}: weights {size_of(answering.weights)}, activations "
            f"{size_of(answering.activations)} at most",
        ),
        (
            f"training, {batch} images in {precision}",
            f"{size_of(training.total)}: weights {size_of(training.weights)}, gradients "
            f"{size_of(training.gradients)}, Adam {size_of(training.optimizer)}, activations "
            f"{size_of(training.activations)}",
        ),
    ]


def print_text(
    rows: Sequence["LayerRow"], whole: Sequence[tuple[str, str]], legend: str = LEGEND
) -> None:
    """To stdout."""
    _tables.print_table(COLUMNS, [cells(row) for row in rows])
    for name, text in whole:
        print(f"  {name:34}{text}")
    print(f"\n  {legend}")


def markdown(
    title: str,
    rows: Sequence["LayerRow"],
    whole: Sequence[tuple[str, str]],
    legend: str = LEGEND,
) -> str:
    """A page of Markdown."""
    lines = [f"# {title}", "", *(f"- {name}: {text}" for name, text in whole), ""]
    lines.append("| " + " | ".join(name.lstrip(">") for name in COLUMNS) + " |")
    lines.append("|" + "|".join("---:" if name[0] == ">" else "---" for name in COLUMNS) + "|")
    lines += ["| " + " | ".join(cells(row)).replace("*", r"\*") + " |" for row in rows]
    return "\n".join([*lines, "", legend.replace("*", r"\*"), ""])


def page(
    title: str,
    rows: Sequence["LayerRow"],
    whole: Sequence[tuple[str, str]],
    legend: str = LEGEND,
) -> str:
    """A page of HTML."""
    from kapps.reports import page as paper

    facts = "".join(f"<li>{html.escape(name)}: {html.escape(text)}</li>" for name, text in whole)
    table = paper.table(COLUMNS, [cells(row) for row in rows])
    table = f'<div class="wide">{table}</div>'
    body = f"<h1>{html.escape(title)}</h1><ul>{facts}</ul>{table}<p>{html.escape(legend)}</p>"
    return paper.page(title, body)


def _kernel(row: "LayerRow") -> str:
    if row.kernel is None:
        return ""
    text = f"{_shape(row.kernel)}/{_pair(row.strides)}"
    text += " p" if row.padding == "same" else ""
    return text + (f" d{_pair(row.dilation)}" if max(row.dilation) > 1 else "")


def _shape(sides: Sequence[int | None]) -> str:
    return "x".join("?" if side is None else str(side) for side in sides)


def _pair(values: Sequence[float]) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if texts[0] == texts[1] else ",".join(texts)
