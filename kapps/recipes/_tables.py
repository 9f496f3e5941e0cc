"""Tables and numbers as people read them, on the terminal or in a file."""

import sys
from collections.abc import Iterable, Sequence

WIDE = 200  # columns of a table that goes to a file or a pipe: nothing is cut there


def count(number: float) -> str:
    """3504872 -> "3.50 M": three digits and a unit."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return f"{number:.0f}"


def percent(share: float | None) -> str:
    """0.7512 -> "75.1"; an unknown share is a dash."""
    return "-" if share is None else f"{100 * share:.1f}"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> None:
    """Print a table to stdout; a column is right-aligned when its title starts with ">"."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_number = column.startswith(">")
        table.add_column(
            column.lstrip(">"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",  # a long word goes on in the next line and is not cut
        )
    for row in rows:
        table.add_row(*map(str, row))
    _console().print(table)


def columns_that_fit(names: Sequence[str], first: int, least: int) -> int:
    """How many columns with these titles stand beside each other whole; 1 or more.

    Args:
        names: titles.
        first: letters of a first column that stands before them.
        least: letters that a column has at least.
    """
    gap = 3
    wide = max(least, *map(len, names)) + gap
    return max(1, (_console().width - first - gap) // wide)


def _console():
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, markup=False, highlight=False)
