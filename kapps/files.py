"""Write files and folders whole or not at all; and where those of kapps itself lie."""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from kapps.errors import FileWriteError

# What the operating system means, as a person would say it.
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EEXIST: "a file is in the way",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
}
FULL = (errno.ENOSPC, errno.EDQUOT)


def home() -> Path:
    """The folder that kapps keeps its files in: KAPPS_HOME, or ~/.cache/kapps."""
    return Path(os.environ.get("KAPPS_HOME") or "~/.cache/kapps").expanduser()


@contextlib.contextmanager
def explain_write_errors(
    path: str | os.PathLike, only: Collection[int] = tuple(REASONS), fix: str | None = None
) -> Iterator[None]:
    """Turn an OSError met while writing `path` into one sentence; other errors pass unchanged.

    Args:
        path: what the sentence names.
        only: the `errno` values to explain.
        fix: how the sentence ends, in place of general advice.

    Raises:
        FileWriteError: "disk is full while writing PATH; ..." and the like, with its `errno` kept.
    """
    try:
        yield
    except FileWriteError:
        raise
    except OSError as error:
        if error.errno not in only:
            raise
        if error.errno in FULL:
            what = f"disk is full while writing {path}"
            fix = fix or "free some space and try again."
        else:
            what = f"cannot write {path}: {REASONS[error.errno]}"
            fix = fix or "choose another place or change its permissions."
        explained = FileWriteError(f"{what}; {fix}")
        explained.errno = error.errno
        raise explained from error


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`, with the same suffix; it becomes `path` on success.

    For libraries that write to a path of their own, such as `model.save`. Missing parent folders
    are made. No reader ever sees half a file; after an error the old file is untouched and the
    temporary one is gone.

    Args:
        path: where the finished file goes.

    Yields:
        A path that does not exist yet; the block must make a file there.

    Raises:
        FileWriteError: disk full, read-only file system, no permission.
    """
    path = Path(path)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _sibling(path)
    try:
        with explain_write_errors(path, only=FULL):
            yield temporary
        with explain_write_errors(path):
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        # The first error is the one to tell; on a read-only disk even this one fails.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """Write a file under a temporary name beside `path`; it takes its name when complete.

    Args:
        path: where the finished file goes; see `atomic_path`.
        mode: "wb" for bytes or "w" for UTF-8 text with "\\n" line ends.

    Yields:
        The open temporary file.

    Raises:
        ValueError: another mode.
        FileWriteError: disk full, read-only file system, no permission.
    """
    if mode not in ("wb", "w"):
        raise ValueError(f'mode={mode!r} is not known to atomic_write; use "wb" or "w".')
    text = {} if mode == "wb" else {"encoding": "utf-8", "newline": "\n"}
    with atomic_path(path) as temporary:
        with explain_write_errors(path):
            # Only this line's errors are about permissions; those of the block are its own.
            file = open(temporary, mode.replace("w", "x"), **text)  # noqa: SIM115
        with file:
            yield file


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Fill a temporary folder beside `path`; it is renamed to `path` when the block succeeds.

    A folder that already exists at `path` is replaced at the end; after an error it is untouched
    and the temporary folder is gone.

    Args:
        path: where the finished folder goes.

    Yields:
        The temporary folder, empty.

    Raises:
        FileWriteError: disk full, read-only file system, no permission, or `path` is a file.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FileWriteError(f"cannot write the folder {path}: a file has that name; move it away.")
    temporary = _sibling(path)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    try:
        with explain_write_errors(path, only=FULL):
            yield temporary
        with explain_write_errors(path):
            _swap(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _swap(new: Path, path: Path) -> None:
    """Rename the folder `new` to `path`; what was there comes back if the rename fails."""
    if not path.exists():
        os.replace(new, path)
        return
    old = _sibling(path)
    os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sibling(path: Path) -> Path:
    """A new hidden name in the same folder; the end of the name stays, so the suffix does too."""
    return path.parent / f".tmp-{uuid.uuid4().hex[:8]}-{path.name[-100:]}"
