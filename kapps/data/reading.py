"""Decode the pictures of a data set in parallel threads, keep them in memory, list the bad ones.

A picture that cannot be read is found before training starts, not in epoch 30:

- A data set that fits in memory is decoded whole when it is opened; the next epochs cost nothing.
- A larger one is checked by header and ending (`images.check`), which finds empty, foreign and
  truncated files in a hundredth of the time that decoding takes. Damage in the middle of a file,
  and files that vanish later, show at the first decode: such a picture is left out of its batch
  and listed.

The libraries that decode and resize release Python's lock, so plain threads use every core: one
thread a core. Files are read by more threads, before it is a picture's turn: they wait for the disk
or the network, and a data set larger than memory trains at the speed of its disk. In memory are at
most, for each of the `dataset.PARALLEL_BATCHES` batches in the making, its files as they are stored
and its pixels; and for each core one decoded picture.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from kapps.data import images
from kapps.data.sources import Source
from kapps.data.transforms import Transform, to_pixels
from kapps.errors import DataError, MissingFileError

UNREADABLE = (images.ImageError, MissingFileError)
CACHE_LIMIT = 2 << 30  # bytes; never more than a quarter of the machine's memory
SHOW_PROGRESS_FROM = 500  # pictures
NEIGHBOURS = 100  # pictures that are tried in place of one that became unreadable
BLOCK = 4096  # pictures handed to the threads at a time; each one waiting takes memory
READERS = 16  # files read at a time
SAMPLE = 32  # pictures whose size is looked up to estimate the whole


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


def memory_limit() -> int:
    """Bytes that `cache="auto"` may take."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return CACHE_LIMIT
    return min(CACHE_LIMIT, memory // 4)


class Reader:
    """Gives batches of one source, transformed.

    Args:
        source: the pictures.
        transform: how each becomes pixels.
        seed: of the random pieces.
        cache: "memory", "none", or "auto" by the estimated size.
        progress: show a bar while many pictures are decoded.
        change: done to each training picture after the transform, with a random generator.
        fill: what stands in for a picture that has become unreadable: another of its batch, as
            training wants, where a batch of another size would be compiled anew; or nothing, as
            evaluation wants, which must not count it (unless a batch would be empty).

    Attributes:
        source: the pictures that can be read.
        skipped: (name, reason) of the others; grows if a picture turns out bad later.

    Raises:
        DataError: no picture can be read.
    """

    def __init__(
        self,
        source: Source,
        transform: Transform,
        seed: int = 0,
        cache: str = "auto",
        progress: bool = False,
        change: Callable[[Image.Image, np.random.Generator], Image.Image] | None = None,
        fill: bool = False,
    ):
        if cache not in ("auto", "memory", "none"):
            raise ValueError(f"cache={cache!r} is not one of auto, memory, none.")
        self.transform, self.seed = transform, seed
        self._change, self._fill = change, fill
        self.skipped = list(source.skipped)
        keep = cache == "memory" or (cache == "auto" and self._bytes(source) <= memory_limit())
        self._decoded: np.ndarray | list[np.ndarray] | None = None
        good = self._prepare(source, keep, progress)
        if not len(good):
            name, reason = self.skipped[-1]
            raise DataError(f"none of {len(source)} pictures can be read; {name}: {reason}")
        self.source = source if len(good) == len(source) else source.take(good)

    def _prepare(self, source: Source, keep: bool, progress: bool) -> np.ndarray:
        """Look at every picture, keep it if `keep`, list the bad ones; indices of the others."""
        transform = self.transform
        if not keep and getattr(source.items, "checked", False):
            return np.arange(len(source))
        table: np.ndarray | None = None
        if keep and not transform.training:
            table = np.empty((len(source), *transform.size, transform.channels), np.uint8)

        def prepare(i: int) -> np.ndarray | None:
            item = source.items[i]  # may be read from disk here, so in the threads
            if table is not None:
                table[i] = transform(item)
            elif keep:
                return transform.shrink(item)
            else:
                images.check(item)
            return None

        good, pictures = np.ones(len(source), bool), []
        for i, result in enumerate(_in_parallel(_guarded(prepare), len(source), progress)):
            if isinstance(result, Exception):
                self.skipped.append((source.names[i], str(result)))
                good[i] = False
            elif keep:
                pictures.append(result)
        if table is not None:
            self._decoded = table if good.all() else table[good]
        elif keep:
            self._decoded = pictures
        return np.flatnonzero(good)

    def ahead(self, indices: np.ndarray) -> None:
        """Say which pictures are wanted soon; what lies in larger files is read in one go."""
        if self._decoded is None and len(indices) and hasattr(self.source.items, "ahead"):
            self.source.items.ahead(indices)

    @property
    def cached(self) -> bool:
        """Whether the decoded pictures are in memory."""
        return self._decoded is not None

    def batch(self, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures by index.

        Returns:
            uint8 [B, H, W, C], and the index of each.

        Raises:
            DataError: neither they nor their neighbours can be read any more.
        """
        if isinstance(self._decoded, np.ndarray) and self._change is None:
            return self._decoded[indices], indices
        indices = indices.copy()
        items = self._read_ahead(indices)
        work = _guarded(lambda i, item: self._one(i, epoch, item))
        results = list(pool().map(work, indices, items))
        good = [i for i, result in enumerate(results) if not isinstance(result, Exception)]
        if len(good) < len(results):
            self._note(indices, results)
            if not good:  # Keras cannot average over a batch of nothing
                other, picture = self._neighbour(int(indices[0]), epoch)
                results[0], indices[0], good = picture, other, [0]
            if self._fill:
                good = (good * len(results))[: len(results)]
        return np.stack([results[i] for i in good]), indices[good]

    def _neighbour(self, index: int, epoch: int) -> tuple[int, np.ndarray]:
        """The next picture of the list that can be read, and its index."""
        for other in range(index + 1, index + 1 + NEIGHBOURS):
            other %= len(self.source)
            with contextlib.suppress(*UNREADABLE):
                return other, self._one(other, epoch)
        raise DataError(f"no picture can be read any more; {self.skipped[-1][1]}")

    def _read_ahead(self, indices: np.ndarray) -> Iterable[Callable[[], Any]]:
        """For each picture a function that waits for its file, which is being read."""
        if self._decoded is not None or isinstance(self.source.items, np.ndarray):
            return [functools.partial(self._item, i) for i in indices]
        return [readers().submit(lambda i=i: images.read(self._item(i))).result for i in indices]

    def _item(self, index: int) -> Any:
        return self.source.items[index] if self._decoded is None else self._decoded[index]

    def _one(self, index: int, epoch: int, item: Callable[[], Any] | None = None) -> np.ndarray:
        item = item() if item else self._item(index)
        if not self.transform.training and self._change is None:
            return self.transform(item)
        rng = np.random.default_rng([self.seed, epoch, index])
        if isinstance(self._decoded, np.ndarray):
            pixels = item  # transformed when it was read
        else:
            pixels = self.transform(item, rng)
        if self._change is None:
            return pixels
        return to_pixels(self._change(images.peek(pixels), rng))

    def _note(self, indices: np.ndarray, results: Sequence[Any]) -> None:
        known = {name for name, _ in self.skipped}
        for i, result in zip(indices, results, strict=True):
            name = self.source.names[i]
            if isinstance(result, Exception) and name not in known:
                self.skipped.append((name, str(result)))

    def _bytes(self, source: Source) -> int:
        """Estimated memory of all decoded pictures."""
        transform = self.transform
        count, (height, width) = len(source), transform.size
        if not transform.training:
            return count * height * width * transform.channels
        pixels = []
        for i in np.linspace(0, count - 1, min(count, SAMPLE)).astype(int):
            try:
                full_width, full_height = images.size_of(images.peek(source.items[i]))
            except UNREADABLE:
                continue
            share = min(1.0, max(2 * height / full_height, 2 * width / full_width))
            pixels.append(full_width * full_height * share * share)
        return int(count * np.mean(pixels or [0]) * transform.channels)


def _guarded(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, returning instead of raising what an unreadable picture raises."""

    def guarded(*items: Any) -> Any:
        try:
            return work(*items)
        except UNREADABLE as error:
            return error

    return guarded


def in_parallel(work: Callable[[int], Any], count: int) -> Iterator[Any]:
    """`work` on 0 .. count - 1 in the threads that decode; the results in order."""
    return _in_parallel(work, count, progress=False)


def _in_parallel(work: Callable[[int], Any], count: int, progress: bool) -> Iterator[Any]:
    """`work` on 0 .. count - 1 in the threads; the results in order."""
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
