"""Files on the Hugging Face hub, through its own library.

`huggingface_hub` brings its cache, which other programs share, its integrity checks, mirrors
(HF_ENDPOINT), tokens (HF_TOKEN) and offline mode (HF_HUB_OFFLINE); KAPPS_OFFLINE=1 has the same
effect as the latter.
"""

import contextlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kapps.errors import DownloadError, MissingPackageError, WeightsError
from kapps.weights import cache
from kapps.weights._download import Unreachable

SCHEME = "hf://"
ADDRESS = re.compile(r"hf://(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w.-]*))?(?:/(\w.*))?", re.ASCII)
FILES = ("model.safetensors", "pytorch_model.bin")  # where timm puts the weights, new and old
CONFIG = "config.json"


@dataclass(frozen=True)
class Address:
    """ "hf://owner/name@revision/file", of which revision and file may be None."""

    repository: str
    revision: str | None
    file: str | None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{self.repository}{revision}" + (f"/{self.file}" if self.file else "")


def parse(text: str) -> Address:
    """The parts of an address.

    Raises:
        ValueError: it is none.
    """
    match = ADDRESS.fullmatch(text)
    if not match:
        raise ValueError(
            f"{text!r} is no address on the hub; expected hf://owner/name, "
            "hf://owner/name@revision or hf://owner/name/file."
        )
    return Address(*match.groups())


def fetch(text: str) -> Path:
    """The local copy of an address, downloaded if need be; of a repository, its weights.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
        DownloadError: it is not there, not allowed, offline or damaged; Unreachable if another
            address may do.
        ValueError: it is no address.
    """
    address = parse(text)
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingPackageError(
            f"{text} is on the Hugging Face hub; run `pip install huggingface_hub` "
            "(or `pip install 'kapps[hub]'`)."
        )
    if _is_offline() and (there := locate(text)):
        return there
    files = (address.file,) if address.file else FILES
    for file in files:
        if path := _fetch(address, file):
            return path
    raise DownloadError(f"{address} has no file {' or '.join(files)}; check the address.")


def config(text: str) -> dict:
    """What the repository of an address says of its model; timm's has "architecture".

    Raises:
        WeightsError: there is nothing of that kind in it. Otherwise as `fetch`.
    """
    address = parse(text)
    path = fetch(str(Address(address.repository, address.revision, CONFIG)))
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise WeightsError(f"{CONFIG} of {address} is damaged ({error}).") from error
    if not isinstance(found, dict) or not isinstance(found.get("architecture"), str):
        raise WeightsError(
            f"{CONFIG} of {address} names no architecture of timm; call the application itself "
            f"with weights={text!r}."
        )
    return found


def locate(text: str) -> Path | None:
    """The copy in the hub's cache, or None; never asks the network."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    address = parse(text)
    for file in (address.file,) if address.file else FILES:
        found = try_to_load_from_cache(address.repository, file, revision=address.revision)
        if isinstance(found, str):  # a sentinel says that the hub was asked and has no such file
            return Path(found)
    return None


def _fetch(address: Address, file: str) -> Path | None:
    """One file of a repository, or None where it has none of that name."""
    from huggingface_hub import errors, hf_hub_download

    known = locate(str(Address(address.repository, address.revision, file)))
    with _explained(address):
        try:
            path = hf_hub_download(
                address.repository,
                file,
                revision=address.revision,
                library_name="kapps",
                endpoint=os.environ.get("HF_ENDPOINT"),
                local_files_only=_is_offline(),
            )
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError:
            return None
    path = Path(path)
    if path != known:
        _check(address, path)
    return path


def _check(address: Address, path: Path) -> None:
    """The cache calls a large file by its SHA-256, but the library compares sizes alone."""
    digest = path.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        found = cache.digests_of(path)["sha256"]
        if found != digest:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise WeightsError(
                f"{address} has the sha256 {found}, expected {digest}; it was thrown away."
            )


@contextlib.contextmanager
def _explained(address: Address) -> Iterator[None]:
    """The library's errors as one sentence each."""
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        raise _not_here(address, error) from error
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{address} is open to those who accepted its terms alone; do so on its page, and set "
            "HF_TOKEN or run `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(
            f"{address} is not on the hub, or private; check the name, or set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(f"{address} has no such revision; check what follows the @.") from error
    except (errors.HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise Unreachable(f"cannot fetch {address}: {reason}; try again later.") from error


def _not_here(address: Address, error: Exception) -> DownloadError:
    """Offline, or nobody answers: the library raises the same for both."""
    from huggingface_hub import constants

    name = "KAPPS_OFFLINE" if _is_offline() else "HF_HUB_OFFLINE"
    if _is_offline() or constants.HF_HUB_OFFLINE:
        return DownloadError(
            f"{name} is set and {address} is not in the cache {constants.HF_HUB_CACHE}; fetch it "
            f"elsewhere, or unset {name}."
        )
    cause = error.__cause__ or error
    reason = str(cause).splitlines()[0].rstrip(".")
    return Unreachable(f"cannot fetch {address}: {reason}; try again later.")


def _is_offline() -> bool:
    return os.environ.get("KAPPS_OFFLINE", "").lower() not in ("", "0", "false", "no", "off")
