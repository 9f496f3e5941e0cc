"""Tables of places in large files, kept so that the files are looked through once.

To find the pictures in a hundred gigabytes takes minutes; the table that comes of it is a few
megabytes. It lies at KAPPS_HOME/indexes and is used as long as the files have the same sizes and
times.
"""

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kapps.errors import FileWriteError
from kapps.files import atomic_write, home

WORTH_KEEPING = 50_000  # pictures; fewer are found in a second or two


def kept(
    paths: Sequence[str], what: object, build: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What `build` gives, or gave earlier of the same files.

    Args:
        paths: the files.
        what: of them, as JSON; the version of `build` belongs into it.
        build: makes the table; its first array has one row a picture.
    """
    facts = [what, [(path, *_facts(path)) for path in paths]]
    digest = hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
    path = home() / "indexes" / f"{digest}.npz"
    if (found := load(path)) is not None:
        return found
    table = build()
    if len(next(iter(table.values()))) >= WORTH_KEEPING:
        with contextlib.suppress(FileWriteError):  # a home that cannot be written costs only time
            save(path, table)
    return table


def save(path: Path, table: dict[str, np.ndarray]) -> None:
    """Write arrays as one file, whole or not at all."""
    with atomic_write(path) as file:
        np.savez(file, **table)


def load(path: Path) -> dict[str, np.ndarray] | None:
    """What `save` wrote; None if it is not there or not whole."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _facts(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns
