"""Progress on stderr: a bar at a terminal, a line a step of interest elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from kapps.runs import COLUMNS, Metric, columns

INTERVAL = 1.0  # seconds between looks at the loss: each look waits for the device


def say(text: str) -> None:
    """One line on stderr, so that stdout holds results only."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def bar(text: str, total: int, unit: str = "images", quiet: bool = False) -> Iterator[Callable]:
    """A progress bar on stderr.

    Args:
        text: what is being done.
        total: how many units there are.
        unit: their name.
        quiet: print nothing where stderr is not a terminal; else one line at the end.

    Yields:
        advance(done, note=None): move by `done` units; show `note` behind the bar from now on.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        began = time.perf_counter()
        yield _nothing
        if quiet:
            return
        say(f"{text}: {total} {unit} in {time.perf_counter() - began:.1f} s")
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(text, total=total, note="")

        def advance(done: int, note: str | None = None) -> None:
            progress.update(task, advance=done, **({} if note is None else {"note": note}))

        yield advance


class Speed:
    """Images a second between the last two looks at a training.

    Args:
        images: of a step; None where nobody knows.
    """

    def __init__(self, images: int | None):
        self.images, self.rate = images, None
        self.steps, self.when = 0, None

    def mark(self, steps: int, now: float | None = None) -> None:
        """So many steps of the epoch are done, at `now` seconds of the clock.

        The time before the first look is left out: it holds the compilation of the step.
        """
        now = time.perf_counter() if now is None else now
        if self.images and self.when is not None and now > self.when:
            self.rate = (steps - self.steps) * self.images / (now - self.when)
        self.steps, self.when = steps, now

    def notes(self) -> list[str]:
        """The speed as text for the bar; nothing before it is known."""
        if self.rate is None:
            return []
        return [f"{self.rate:,.0f} images/s" if self.rate >= 10 else f"{self.rate:.1f} images/s"]


def _nothing(_done: int, _note: str | None = None) -> None:
    """What advances no bar."""


def epoch_line(row: dict, epochs: int, metrics: Sequence[Metric]) -> str:
    """One epoch as a line of text."""
    parts = [f"{row['stage']} {row['epoch']}/{epochs}", f"{row['seconds']:.1f} s"]
    shares = {metric.name for metric in metrics if metric.share}
    for name in columns(metrics)[len(COLUMNS) :]:
        if name in row:
            share = name.removeprefix("val_") in shares
            parts.append(f"{name} {row[name]:.2%}" if share else f"{name} {row[name]:.4f}")
    return "  ".join(parts)
