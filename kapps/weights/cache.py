"""The folder of downloaded files: where each one lies, and whether it is what it should be.

A file lies at KAPPS_HOME/weights/<host>/<path of its address>. A small JSON file beside it, the
marker, records its digests together with its size and time, so that a gigabyte is hashed once and
not at every start.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kapps.errors import FileWriteError
from kapps.files import atomic_write, explain_write_errors, home

MARKER = ".kapps.json"
PART = ".part"
ETAG = ".part.etag"  # what the server said of the file that the part belongs to
LOCK = ".lock"
HELPERS = (MARKER, PART, ETAG, LOCK)
CHUNK = 1 << 20
KINDS = {"sha256": 64, "md5": 32, "sha256-prefix": None}  # kind of hash -> its number of digits


def weights_folder() -> Path:
    """Where downloaded weights lie."""
    return home() / "weights"


def path_of(url: str) -> Path:
    """Where the file of an address lies, or would lie."""
    parts = urlsplit(url)
    names = [parts.netloc, *unquote(parts.path).split("/")]
    if parts.query:
        names[-1] += f"_{parts.query}"
    # Some characters of addresses are not for file names; "." and ".." must not climb.
    safe = [re.sub(r"[^\w.-]", "_", name) for name in names]
    return weights_folder().joinpath(*(name for name in safe if name.strip(".")))


def check_hash(hash: str | None) -> None:
    """Refuse a hash that could never match.

    Raises:
        ValueError: it is not "kind:digits" of a known kind.
    """
    if hash is None:
        return
    kind, _, digits = hash.partition(":")
    length = KINDS.get(kind)
    if kind not in KINDS or not re.fullmatch(rf"[0-9a-f]{{{length or '4,64'}}}", digits):
        raise ValueError(
            f'hash={hash!r} is not understood; expected "sha256:" with 64 hexadecimal digits, '
            '"md5:" with 32, or "sha256-prefix:" with the first ones.'
        )


def digests_of(path: Path) -> dict[str, str]:
    """SHA-256 and MD5 of a file in one pass."""
    digests = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            for digest in digests.values():
                digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def matches(hash: str | None, digests: dict[str, str]) -> bool:
    """Whether a file with these digests is the one of that hash; None fits all."""
    if hash is None:
        return True
    kind, _, digits = hash.partition(":")
    if kind == "sha256-prefix":
        return digests["sha256"].startswith(digits)
    return digests[kind] == digits


def read_marker(path: Path, unchanged: bool = True) -> dict | None:
    """What is recorded about a cached file; with `unchanged` only if that is still true."""
    try:
        marker = json.loads(_beside(path, MARKER).read_text(encoding="utf-8"))
        state = path.stat()
        is_same = (marker["size"], marker["mtime_ns"]) == (state.st_size, state.st_mtime_ns)
        is_whole = {"url", "sha256", "md5"} <= marker.keys()
        return marker if is_whole and (is_same or not unchanged) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none, or damaged: the file is then hashed again


def write_marker(path: Path, url: str, digests: dict[str, str]) -> None:
    """Record the digests of a cached file; a cache that is read-only is left as it is."""
    state = path.stat()
    facts = {"url": url, "size": state.st_size, "mtime_ns": state.st_mtime_ns, **digests}
    with contextlib.suppress(FileWriteError):  # costs time at the next start, nothing else
        with atomic_write(_beside(path, MARKER), "w") as file:
            json.dump(facts, file, indent=2)


def is_good(path: Path, url: str, hash: str | None) -> bool:
    """Whether the cached file is there and has this hash; hashes it if nobody has yet."""
    if not path.is_file():
        return False
    if marker := read_marker(path):
        return matches(hash, marker)
    digests = digests_of(path)
    if matches(hash, digests):
        write_marker(path, url, digests)
        return True
    return False


def cached_files() -> Iterator[Path]:
    """Every complete file of the cache, in the order of their paths."""
    for path in sorted(weights_folder().rglob("*")):
        if path.is_file() and not path.name.endswith(HELPERS):
            yield path


def remove(path: Path) -> int:
    """Delete a cached file and what lies beside it; returns the bytes freed."""
    return sum(_unlink(_beside(path, ending)) for ending in ("", *HELPERS))


def remove_leftovers() -> int:
    """Delete unfinished downloads, locks and empty folders; returns the bytes freed."""
    everything = sorted(weights_folder().rglob("*"), reverse=True)  # a folder after what is in it
    freed = sum(_unlink(p) for p in everything if p.is_file() and p.name.endswith(HELPERS))
    for folder in (*(p for p in everything if p.is_dir()), weights_folder()):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return freed


def _unlink(path: Path) -> int:
    size = path.stat().st_size if path.is_file() else 0
    with explain_write_errors(path):
        path.unlink(missing_ok=True)
    return size


def part_of(path: Path) -> Path:
    """Where an unfinished download of the file lies."""
    return _beside(path, PART)


def lock_of(path: Path) -> Path:
    """The file that one process at a time holds while it downloads."""
    return _beside(path, LOCK)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
