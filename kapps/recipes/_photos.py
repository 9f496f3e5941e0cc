"""The pictures that a command line names: files, folders, patterns."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kapps.data import images
from kapps.data.folders import SUFFIXES
from kapps.errors import MissingFileError


def find(words: Sequence[str]) -> list[tuple[str, bool]]:
    """(path, whether the user named this very file) of what words mean, in order.

    Those that were named are looked at: a model takes seconds to load, and a look at a picture
    none.

    Raises:
        ValueError: no word.
        MissingFileError: a word means nothing.
        ImageError: a picture that was named cannot be read.
    """
    if not words:
        raise ValueError("IMAGES is missing: give files, folders, or patterns.")
    found = [row for word in words for row in _files(word)]
    for name, named in found:
        if named:
            images.check(name)
    return found


def stems(names: Sequence[str]) -> list[str]:
    """What files made of pictures are called: their names; of two alike the second has a number."""
    taken: list[str] = []
    for name in names:
        stem = Path(name).stem
        free, number = stem, 1
        while free in taken:
            number += 1
            free = f"{stem}_{number}"
        taken.append(free)
    return taken


def _files(word: str) -> Iterator[tuple[str, bool]]:
    """(path, whether the user named this very file) of what a word means."""
    path = Path(word).expanduser()
    if path.is_dir():
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        )
        if not found:
            raise MissingFileError(f"the folder {word} holds no pictures; check the path.")
        yield from ((name, False) for name in found)
    elif path.exists():  # also where the name looks like a pattern: holiday[1].jpg
        yield str(path), True
    elif glob.has_magic(word):
        # Not Path.glob, which takes no absolute patterns.
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
        found = sorted(name for name in matches if Path(name).is_file())
        if not found:
            raise MissingFileError(f"no file matches {word!r}; check the pattern.")
        yield from ((name, False) for name in found)
    else:
        raise MissingFileError(f"there is no picture {word}; check the path.")
