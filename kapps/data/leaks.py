"""Pictures that are, byte for byte, on both sides of a split: found in seconds, whatever there is.

`kapps data check` reads every picture and finds those that are nearly the same, too. This is what a
training can afford before it begins: of more than `MOST` pictures on a side, evenly chosen ones are
compared, which shows a folder that was copied and not a single file.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kapps.data import parallel
from kapps.data.sources import Source

MOST = 20_000  # pictures of a side that are looked at
BLOCK = 250  # of them for a thread at a time
PROBE = 4096  # bytes in the middle of a file that are compared before all of it


def between(train: Source, judge: Source) -> list[tuple[str, str]]:
    """Pictures of `train` that are in `judge` too.

    Args:
        train, judge: with a picture each or more, of paths or of arrays; of anything else, as of
            shards, and of what cannot be read, nothing is found.

    Returns:
        The name of each such picture in the one and in the other.
    """
    if not all(isinstance(side.items[0], str | np.ndarray) for side in (train, judge)):
        return []  # each would be read from its shard
    ours, theirs = _chosen(len(train)), _chosen(len(judge))
    keys: list[Any] = []
    # What costs little first: nearly all files differ in their sizes or their middles.
    for kind in (_size, _middle, _digest):
        keys, others = _keys(kind, train.items, ours), _keys(kind, judge.items, theirs)
        common = set(keys) & set(others) - {None}
        ours, keys = _kept(ours, keys, common)
        theirs, others = _kept(theirs, others, common)
    places = dict(zip(others, theirs, strict=True))
    return [(train.names[i], judge.names[places[k]]) for i, k in zip(ours, keys, strict=True)]


def _chosen(count: int) -> list[int]:
    """All indices, or evenly chosen ones."""
    return np.linspace(0, count - 1, min(count, MOST)).astype(int).tolist()


def _keys(kind: Callable[[Any], Any], items: Sequence[Any], chosen: list[int]) -> list[Any]:
    """`kind` of each item; None where it cannot be read."""

    def work(block: list[int]) -> list[Any]:
        found = []
        for i in block:
            try:
                found.append(kind(items[i]))
            except OSError:
                found.append(None)
        return found

    blocks = [chosen[i : i + BLOCK] for i in range(0, len(chosen), BLOCK)]
    return [key for block in parallel.readers().map(work, blocks) for key in block]


def _kept(chosen: list[int], keys: list[Any], common: set) -> tuple[list[int], list[Any]]:
    pairs = [(i, key) for i, key in zip(chosen, keys, strict=True) if key in common]
    return [i for i, _ in pairs], [key for _, key in pairs]


def _size(item: Any) -> Any:
    if isinstance(item, str):
        return Path(item).stat().st_size
    return item.shape if isinstance(item, np.ndarray) else None


def _middle(item: Any) -> Any:
    if isinstance(item, str):
        with open(item, "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - PROBE, 0) // 2)
            return hashlib.blake2b(file.read(PROBE), digest_size=16).digest()
    return item[len(item) // 2].tobytes()


def _digest(item: Any) -> Any:
    data = item.tobytes() if isinstance(item, np.ndarray) else _bytes(item)
    return hashlib.blake2b(data, digest_size=16).digest()


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
