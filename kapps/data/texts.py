"""Many strings in little memory: what 1.3 million pictures are called, and where they lie.

A Python string takes 49 bytes and its letters, and a list 8 more for each; a name of ImageNet with
its path is then 150 bytes, twice. Here a folder is kept once and the names in it lie end to end in
one block: the letters of the name and 8 bytes.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

ENCODING = ("utf-8", "surrogateescape")  # as Python reads file names that are not UTF-8
SMALL = 1 << 32  # bytes of a block whose places fit 32 bits


class View(Sequence):
    """A sequence that makes each item when it is asked for; a subclass has `__len__` and `at`."""

    def at(self, i: int) -> Any:
        """Item `i`, from 0 to the length less one."""
        raise NotImplementedError

    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return [self.at(j) for j in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"{i} of {len(self)} items")
        return self.at(i % len(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None


class Texts(View):
    """A sequence of strings, equal to the list of them.

    Args:
        folders: what strings begin with, up to and with a slash; mostly shared by many.
        numbers: which folder each string has, uint32 [N].
        block: the rest of all strings, end to end.
        ends: where each ends in the block, uint32 or uint64 [N].
    """

    def __init__(self, folders: list[str], numbers: np.ndarray, block: bytes, ends: np.ndarray):
        self.folders, self.numbers, self.block = folders, numbers, block
        self.ends = ends.astype(np.uint32 if len(block) < SMALL else np.uint64, copy=False)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Self:
        """Keep strings; an iterator of them is never held as a whole."""
        folders: dict[str, int] = {}
        numbers, ends, block = array("I"), array("Q"), bytearray()
        for text in strings:
            folder, slash, rest = text.rpartition("/")
            numbers.append(folders.setdefault(folder + slash, len(folders)))
            block += rest.encode(*ENCODING)
            ends.append(len(block))
        return cls(list(folders), np.array(numbers, np.uint32), bytes(block), np.array(ends))

    @classmethod
    def joined(cls, parts: Sequence["Texts"]) -> Self:
        """The strings of several, one after the other."""
        folders = [folder for part in parts for folder in part.folders]
        starts = np.cumsum([0, *(len(part.folders) for part in parts)])
        sizes = np.cumsum([0, *(len(part.block) for part in parts)]).astype(np.uint64)
        pairs = list(zip(parts, starts, sizes, strict=False))
        numbers = [part.numbers + np.uint32(start) for part, start, _ in pairs]
        ends = [part.ends.astype(np.uint64) + size for part, _, size in pairs]
        return cls(
            folders,
            np.concatenate([np.zeros(0, np.uint32), *numbers]),
            b"".join(part.block for part in parts),
            np.concatenate([np.zeros(0, np.uint64), *ends]),
        )

    def under(self, prefix: str) -> Self:
        """All strings with something before them, which takes no memory of its own."""
        folders = [prefix + folder for folder in self.folders]
        return type(self)(folders, self.numbers, self.block, self.ends)

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, i: int) -> str:
        end = int(self.ends[i])
        start = int(self.ends[i - 1]) if i else 0
        return self.folders[self.numbers[i]] + self.block[start:end].decode(*ENCODING)


class Numbered(View):
    """The strings NAME[0], NAME[1], ... as a sequence without a list."""

    def __init__(self, name: str, count: int):
        self.name, self.count = name, count

    def __len__(self) -> int:
        return self.count

    def at(self, i: int) -> str:
        return f"{self.name}[{i}]"
