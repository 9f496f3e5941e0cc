"""Pictures that lie in larger files: where each one is, how to read it, in what order to train.

With the places of all pictures in a table, any of them can be had at any time: an epoch can be
repeated and a run goes on where it stopped, without holding the data set in memory. The table takes
16 bytes a picture.

Read in any order, a disk or a network spends its time on the way from picture to picture.
`shuffled` is an order for such files: it takes a few files at a time, each from front to back, and
mixes what it has taken in a buffer. The buffer is the memory that the system has to spare: `ahead`
tells it which stretches come next, it reads each in one go, and the pictures are there when they
are due.
"""

import os
import threading
from collections.abc import Sequence
from typing import Self

import numpy as np

from kapps.data.images import ImageError
from kapps.data.texts import View
from kapps.errors import MissingFileError

MIXED = 16  # files read at a time
BUFFER = 4096  # pictures mixed with each other


class Packed(View):
    """The pictures in some files, each as the bytes of an image file.

    Args:
        paths: the files.
        files: which file each picture lies in, uint32 [N].
        offsets: where it begins there, uint64 [N].
        lengths: its bytes, uint32 [N].
        checked: whether each picture was decoded when it was written, so that nobody needs to look
            at all of them before training.
        sequential: whether training reads them in the order of `shuffled`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        files: np.ndarray,
        offsets: np.ndarray,
        lengths: np.ndarray,
        checked: bool = False,
        sequential: bool = False,
    ):
        self.paths, self.checked, self.sequential = list(paths), checked, sequential
        self.files = files.astype(np.uint32, copy=False)
        self.offsets = offsets.astype(np.uint64, copy=False)
        self.lengths = lengths.astype(np.uint32, copy=False)
        self._asked: dict[int, tuple[int, int]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, places: Sequence[tuple[str, np.ndarray, np.ndarray]], **facts: bool) -> Self:
        """From (path, offsets, lengths) of each file, and `checked` and `sequential`."""
        paths = [path for path, _, _ in places]
        files = np.repeat(
            np.arange(len(paths), dtype=np.uint32), [len(one) for _, one, _ in places]
        )
        nothing = np.zeros(0, np.uint64)
        offsets = np.concatenate([nothing, *(one for _, one, _ in places)])
        lengths = np.concatenate([nothing, *(one for _, _, one in places)])
        return cls(paths, files, offsets, lengths, **facts)

    def __len__(self) -> int:
        return len(self.files)

    @property
    def stretches(self) -> np.ndarray | None:
        """For `shuffled`, if training reads by it: the file of each picture."""
        return self.files if self.sequential else None

    def at(self, i: int) -> bytes:
        """The bytes of a picture.

        Raises:
            MissingFileError, ImageError: its file is gone or ends before the picture does.
        """
        path, length = self.paths[self.files[i]], int(self.lengths[i])
        try:
            with open(path, "rb", buffering=0) as file:
                file.seek(int(self.offsets[i]))
                data = file.read(length)
                while len(data) < length and (more := file.read(length - len(data))):
                    data += more
        except FileNotFoundError:
            raise MissingFileError(f"{path} does not exist any more; check the path.") from None
        except OSError as error:
            raise ImageError(f"{path} cannot be read ({error.strerror}).") from error
        if len(data) < length:
            raise ImageError(f"{path} is cut short; write it again.")
        return data

    def ahead(self, indices: np.ndarray) -> None:
        """Ask the system to read the stretches in which these pictures lie; returns at once."""
        if not self.sequential or not hasattr(os, "posix_fadvise"):  # it is not on macOS, Windows
            return
        for number in np.unique(self.files[indices]):
            chosen = indices[self.files[indices] == number]
            start = int(self.offsets[chosen].min())
            stop = int((self.offsets[chosen] + self.lengths[chosen]).max())
            with self._lock:
                low, high = self._asked.get(number, (0, 0))
                if low <= start and stop <= high:
                    continue
                self._asked[number] = (start, stop)
            with open(self.paths[number], "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), start, stop - start, os.POSIX_FADV_WILLNEED)


def shuffled(
    files: np.ndarray, rng: np.random.Generator, mixed: int = MIXED, buffer: int = BUFFER
) -> np.ndarray:
    """A random order of the pictures in which files are read from front to back.

    The files are shuffled and taken `mixed` at a time. From each of these comes the next stretch,
    so that all have about `buffer` pictures together, and those are shuffled.

    Args:
        files: which file each picture lies in, [N]; in each, pictures come in their order.
        rng: the source of all randomness.

    Returns:
        int64 [N], each index once.
    """
    order = np.argsort(files, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(files[order])) + 1)
    turns = rng.permutation(len(parts))
    chosen = []
    for group in np.array_split(turns, -(-len(parts) // mixed)):
        count = sum(len(parts[i]) for i in group)
        stretches = [np.array_split(parts[i], -(-count // buffer)) for i in group]
        chosen += [rng.permutation(np.concatenate(row)) for row in zip(*stretches, strict=True)]
    return np.concatenate(chosen)
