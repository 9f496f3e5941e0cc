"""The threads that decode pictures and read files.

The libraries that decode and resize release Python's lock, so plain threads use every core: one
thread a core. Files are read by more threads, before it is a picture's turn: they wait for the disk
or the network.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SHOW_PROGRESS_FROM = 500  # pictures
BLOCK = 4096  # pictures handed to the threads at a time; each one waiting takes memory
READERS = 16  # files read at a time


@functools.cache
def pool() -> ThreadPoolExecutor:
    """The threads that decode, one for each core this process may use."""
    return ThreadPoolExecutor(cores(), thread_name_prefix="kapps-data")


@functools.cache
def readers() -> ThreadPoolExecutor:
    """The threads that read files, which mostly wait."""
    return ThreadPoolExecutor(READERS, thread_name_prefix="kapps-files")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def guarded(work: Callable[..., Any], errors: tuple[type[Exception], ...]) -> Callable[..., Any]:
    """`work`, returning instead of raising these errors."""

    def returning(*items: Any) -> Any:
        try:
            return work(*items)
        except errors as error:
            return error

    return returning


def in_order(work: Callable[[int], Any], count: int, progress: bool) -> Iterator[Any]:
    """`work` on 0 .. count - 1 in the threads; the results in order, with a bar if `progress`."""
    blocks = (range(i, min(i + BLOCK, count)) for i in range(0, count, BLOCK))
    results: Iterable[Any] = (result for block in blocks for result in pool().map(work, block))
    if progress and count >= SHOW_PROGRESS_FROM:
        from rich.console import Console
        from rich.progress import track

        console = Console(stderr=True)
        results = track(
            results,
            "reading pictures",
            count,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    yield from results
