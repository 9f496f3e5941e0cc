"""Give the pictures of a data set in batches, keep them in memory, list the bad ones.

A picture that cannot be read is found before training starts, not in epoch 30:

- A data set that fits in memory is decoded whole when it is opened; the next epochs cost nothing.
- A larger one is checked by header and ending (`images.check`), which finds empty, foreign and
  truncated files in a hundredth of the time that decoding takes. Damage in the middle of a file,
  and files that vanish later, show at the first decode: such a picture is left out of its batch
  and listed.

What is known about a picture and does not fit it, such as a mask of another size, is found and
listed with it.

A data set larger than memory trains at the speed of its disk (see `kapps.data.parallel`). In memory
are at most, for each of the `dataset.PARALLEL_BATCHES` batches in the making, its files as they are
stored and its pixels; and for each core one decoded picture.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kapps.data import images, parallel
from kapps.data.annotations import BOXES, Form
from kapps.data.looks import Look
from kapps.data.mosaic import PHOTOS
from kapps.data.sources import Source
from kapps.data.transforms import Transform
from kapps.errors import DataError

UNREADABLE = images.UNREADABLE
CACHE_LIMIT = 2 << 30  # bytes; never more than a quarter of the machine's memory
NEIGHBOURS = 100  # pictures that are tried in place of one that became unreadable
SAMPLE = 32  # pictures whose size is looked up to estimate the whole


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
        looks: how each becomes pixels, once or several times.
        form: what the annotations become; one that moves is read with its picture.
        seed: of the random pieces.
        cache: "memory", "none", or "auto" by the estimated size.
        progress: show a bar while many pictures are decoded.
        fill: what stands in for a picture that has become unreadable: another of its batch, as
            training wants, where a batch of another size would be compiled anew; or nothing, as
            evaluation wants, which must not count it (unless a batch would be empty).

    Attributes:
        source: the pictures that can be read.
        sizes: int64 [N, 2], width and height of each; None where nothing moves.
        skipped: (name, reason) of the others; grows if a picture turns out bad later.

    Raises:
        DataError: no picture can be read.
    """

    def __init__(
        self,
        source: Source,
        looks: Sequence[Look],
        form: Form,
        seed: int = 0,
        cache: str = "auto",
        progress: bool = False,
        fill: bool = False,
    ):
        if cache not in ("auto", "memory", "none"):
            raise ValueError(f"cache={cache!r} is not one of auto, memory, none.")
        self.looks, self.form, self.seed = tuple(looks), form, seed
        self._fill = fill
        self.skipped = list(source.skipped)
        self.sizes = np.zeros((len(source), 2), np.int64) if form.moves else None
        keep = cache == "memory" or (cache == "auto" and self._bytes(source) <= memory_limit())
        # Pixels as the network takes them [N, H, W, C], or pictures shrunk; and their annotations.
        self._decoded: np.ndarray | list[np.ndarray] | None = None
        self._marks: list[Any] | None = None
        good = self._prepare(source, keep, progress)
        if not len(good):
            name, reason = self.skipped[-1]
            raise DataError(f"none of {len(source)} pictures can be read; {name}: {reason}")
        if len(good) < len(source):
            source = source.take(good)
            self.sizes = None if self.sizes is None else self.sizes[good]
        self.source = source

    @property
    def transform(self) -> Transform:
        """That of the first look."""
        return self.looks[0].transform

    def _prepare(self, source: Source, keep: bool, progress: bool) -> np.ndarray:
        """Look at every picture, keep it if `keep`, list the bad ones; indices of the others."""
        transform, form = self._largest(), self.form
        if not keep and not form.moves and getattr(source.items, "checked", False):
            return np.arange(len(source))
        table: np.ndarray | None = None
        if keep and len(self.looks) == 1 and self.looks[0].fixed:
            table = np.empty((len(source), *transform.size, transform.channels), np.uint8)

        def prepare(i: int) -> tuple[np.ndarray | None, Any]:
            item, marks = source.items[i], None  # may be read from disk here, so in the threads
            if form.moves:
                item = images.read(item)
                self.sizes[i] = size = images.size_of(images.peek(item))
                work = form.prepare if keep else form.check
                marks = work(source.labels[i], tuple(size))
            if table is not None:
                table[i], placement = transform.place(item)
                return None, form.place(marks, placement, transform.size) if form.moves else None
            if keep:
                pixels = transform.shrink(item)
                return pixels, form.keep(marks, pixels.shape[:2]) if form.moves else None
            images.check(item)
            return None, None

        good, pictures, annotations = np.ones(len(source), bool), [], []
        work = parallel.guarded(prepare, UNREADABLE)
        for i, result in enumerate(parallel.in_order(work, len(source), progress)):
            if isinstance(result, Exception):
                self.skipped.append((source.names[i], str(result)))
                good[i] = False
            elif keep:
                pictures.append(result[0])
                annotations.append(result[1])
        if keep and form.moves:
            self._marks = annotations
        if table is not None:
            self._decoded = table if good.all() else table[good]
        elif keep:
            self._decoded = pictures
        return np.flatnonzero(good)

    def ahead(self, indices: np.ndarray) -> None:
        """Say which pictures are wanted soon; what lies in larger files is read in one go."""
        if self._decoded is None and len(indices) and hasattr(self.source.items, "ahead"):
            self.source.items.ahead(indices)

    def _largest(self) -> Transform:
        """The rule by which pictures are kept: large enough for every look."""
        sizes = [look.transform.size for look in self.looks]
        return self.transform.replace(size=tuple(max(sides) for sides in zip(*sizes, strict=True)))

    @property
    def cached(self) -> bool:
        """Whether the decoded pictures are in memory."""
        return self._decoded is not None

    def batch(
        self, indices: np.ndarray, epoch: int, copies: np.ndarray | None = None
    ) -> tuple[list[np.ndarray], Any, np.ndarray]:
        """Pictures by index.

        Args:
            indices: which.
            epoch: what is random depends on it.
            copies: and on this number of each; None for 0.

        Returns:
            For each look uint8 [B, H, W, C]; their annotations (of several looks a tuple, if the
            annotation moves), and the index of each picture.

        Raises:
            DataError: neither they nor their neighbours can be read any more.
        """
        if isinstance(self._decoded, np.ndarray) and not self.looks[0].random:
            pixels = [self._decoded[indices]]
            if not self.form.moves:
                return pixels, self._labels(indices), indices
            return pixels, self.form.stack([self._marks[i] for i in indices]), indices
        indices = indices.copy()
        items = self._read_ahead(indices)
        copies = np.zeros_like(indices) if copies is None else copies
        work = parallel.guarded(lambda i, item, n: self._one(i, epoch, item, n), UNREADABLE)
        results = list(parallel.pool().map(work, indices, items, copies))
        good = [i for i, result in enumerate(results) if not isinstance(result, Exception)]
        if len(good) < len(results):
            self._note(indices, results)
            if not good:  # Keras cannot average over a batch of nothing
                other, looks = self._neighbour(int(indices[0]), epoch)
                results[0], indices[0], good = looks, other, [0]
            if self._fill:
                good = (good * len(results))[: len(results)]
        indices = indices[good]
        views = list(zip(*(results[i] for i in good), strict=True))
        pixels = [np.stack([picture for picture, _ in view]) for view in views]
        if not self.form.moves:
            return pixels, self._labels(indices), indices
        moved = tuple(self.form.stack([marks for _, marks in view]) for view in views)
        return pixels, moved if len(moved) > 1 else moved[0], indices

    def _labels(self, indices: np.ndarray) -> np.ndarray:
        return self.form.batch(self.source.labels[indices])

    def _neighbour(self, index: int, epoch: int) -> tuple[int, list]:
        """The next picture of the list that can be read: its index, and its looks."""
        for other in range(index + 1, index + 1 + NEIGHBOURS):
            other %= len(self.source)
            with contextlib.suppress(*UNREADABLE):
                return other, self._one(other, epoch)
        raise DataError(f"no picture can be read any more; {self.skipped[-1][1]}")

    def _read_ahead(self, indices: np.ndarray) -> Iterable[Callable[[], Any]]:
        """For each picture a function that waits for its file, which is being read."""
        if self._decoded is not None or isinstance(self.source.items, np.ndarray):
            return [functools.partial(self._item, i) for i in indices]
        submit = parallel.readers().submit
        return [submit(lambda i=i: images.read(self._item(i))).result for i in indices]

    def _item(self, index: int) -> Any:
        return self.source.items[index] if self._decoded is None else self._decoded[index]

    def _one(
        self, index: int, epoch: int, item: Callable[[], Any] | None = None, copy: int = 0
    ) -> list[tuple[np.ndarray, Any]]:
        """Pixels and, where they move, annotations of a picture: for each look."""
        item = item() if item else self._item(index)
        moves, ready = self.form.moves, isinstance(self._decoded, np.ndarray)
        marks = self._marks_of(index) if moves else None
        results, first = [], (item, marks)
        for number, look in enumerate(self.looks):
            rng = None
            if look.random:
                # The first look draws what a picture that is looked at once draws.
                more = (number, copy) if copy else (number,) if number else ()
                rng = np.random.default_rng([self.seed, epoch, index, *more])
            if ready or look.of_first:  # transformed when it was read, or for the first look
                pixels, moved = first
            elif look.mosaic and rng.random() < look.mosaic.probability:
                photos = self._beside(item, marks, rng)
                pixels, moved = look.mosaic.draw(photos, look.transform, self.form, rng)
            else:
                boxes = marks[0] if self.form.annotation in BOXES else None
                pixels, placement = look.transform.place(item, rng, boxes)
                moved = self.form.place(marks, placement, look.transform.size) if moves else None
            if not number:
                first = pixels, moved
            if look.change is not None:
                pixels = images.to_pixels(look.change(images.peek(pixels), rng))
            results.append((pixels, moved))
        return results

    def _beside(
        self, item: Any, marks: Any, rng: np.random.Generator
    ) -> list[tuple[images.ImageSource, Any]]:
        """A picture and random others for a mosaic, as many as there is room for."""
        photos = [(item, marks)]
        for other in rng.integers(len(self.source), size=PHOTOS - 1):
            with contextlib.suppress(*UNREADABLE):  # it is listed when its own turn comes
                one = images.read(self._item(int(other)))
                photos.append((one, self._marks_of(int(other))))
                if not self.form.hold([known for _, known in photos]):
                    photos.pop()
        return photos

    def _marks_of(self, index: int) -> Any:
        if self._marks is not None:
            return self._marks[index]
        return self.form.prepare(self.source.labels[index], tuple(self.sizes[index]))

    def _note(self, indices: np.ndarray, results: Sequence[Any]) -> None:
        known = {name for name, _ in self.skipped}
        for i, result in zip(indices, results, strict=True):
            name = self.source.names[i]
            if isinstance(result, Exception) and name not in known:
                self.skipped.append((name, str(result)))

    def _bytes(self, source: Source) -> int:
        """Estimated memory of all decoded pictures."""
        transform = self._largest()
        count, (height, width) = len(source), transform.size
        channels = transform.channels + self.form.channels
        if len(self.looks) == 1 and self.looks[0].fixed:
            return count * height * width * channels
        pixels = []
        for i in np.linspace(0, count - 1, min(count, SAMPLE)).astype(int):
            try:
                full_width, full_height = images.size_of(images.peek(source.items[i]))
            except UNREADABLE:
                continue
            share = min(1.0, max(2 * height / full_height, 2 * width / full_width))
            pixels.append(full_width * full_height * share * share)
        return int(count * np.mean(pixels or [0]) * channels)
