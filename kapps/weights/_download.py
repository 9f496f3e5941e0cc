"""One file over HTTP into a `.part` file, continued where it broke off."""

import contextlib
import http.client
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from kapps.errors import DownloadError, FileWriteError
from kapps.files import FULL, explain_write_errors

WAITS = (0.5, 1.0, 2.0, 4.0)  # seconds before each new attempt
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18
PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be different in a second
ADVICE = "set KAPPS_HOME to a folder that you can write to and that has room."


class Unreachable(DownloadError):
    """The address did not give the file; another one may."""


class _Broken(Exception):
    """This attempt failed; the next may not."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise Unreachable(f"{req.full_url} leads from https to {newurl}, so it is refused.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, part: Path, *, blind: bool, progress: bool) -> bool:
    """Fetch `url` into `part`, going on from what `part` holds where the server can.

    Args:
        url: http or https.
        part: the unfinished file; kept when the connection is lost, removed when the disk is full.
        blind: whether to go on even if the server cannot say that its file is still the same. Only
            for files whose hash is known.
        progress: show a bar on stderr if that is a terminal.

    Returns:
        Whether the start of the file is from an earlier attempt.

    Raises:
        Unreachable: the server cannot be reached, has no such file, or keeps breaking off.
        FileWriteError: the disk is full or read-only.
    """
    waits = iter(WAITS)
    reached = 0
    with _bar(part, progress) as show:
        while True:
            try:
                return _attempt(url, part, blind, show)
            except _Broken as error:
                size = part.stat().st_size if part.exists() else 0
                if size > reached:
                    waits, reached = iter(WAITS), size  # it got further: patience is renewed
                wait = next(waits, None)
                if wait is None:
                    raise Unreachable(f"cannot fetch {url}: {error}; try again later.") from error
                time.sleep(wait)
            except FileWriteError as error:
                if error.errno in FULL:
                    discard(part)
                raise


def discard(part: Path) -> None:
    """Forget an unfinished download."""
    part.unlink(missing_ok=True)
    _validator_of(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, blind: bool, show: Callable) -> bool:
    start = part.stat().st_size if part.exists() else 0
    validator = _read_validator(part)
    if start and not (validator or blind):
        start = 0
    with _open(url, part, start, validator) as response:
        if response.status != 206 or _first_byte(response) != start:
            start = 0
        total = int(response.headers.get("Content-Length") or 0) + start or None
        size = start
        with explain_write_errors(part, fix=ADVICE):
            if total is not None and shutil.disk_usage(part.parent).free < total - start:
                raise OSError(FULL[0], "too little space is left")
            if start == 0:
                _write_validator(part, response.headers)
            with open(part, "ab" if start else "wb") as file:
                while chunk := _receive(response):
                    file.write(chunk)
                    size += len(chunk)
                    show(size, total)
    if total is not None and size != total:
        raise _Broken(f"the server sent {size} of {total} bytes")
    return start > 0


def _open(url: str, part: Path, start: int, validator: str | None) -> http.client.HTTPResponse:
    request = urllib.request.Request(
        url, headers={"User-Agent": "kapps", "Accept-Encoding": "identity"}
    )
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            request.add_header("If-Range", validator)
    opener = urllib.request.build_opener(_Redirects)
    try:
        return opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # our part is longer than the file: another file, or a complete one
            discard(part)
            raise _Broken("the unfinished file did not fit and was thrown away") from error
        reason = f"the server answers {error.code} {error.reason}"
        if error.code in PASSING:
            raise _Broken(reason) from error
        fix = "check the address" if error.code in (404, 410) else "it may need a permission"
        raise Unreachable(f"cannot fetch {url}: {reason}; {fix}.") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise Unreachable(
                f"cannot fetch {url}: its certificate is not trusted "
                f"({error.reason.verify_message}); check the clock, the proxy and the certificates "
                "of this machine."
            ) from error
        raise _Broken(_no_connection(url, error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(_no_connection(url, error)) from error


def _no_connection(url: str, reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return f"no connection to {urlsplit(url).hostname}"
    return str(reason) or type(reason).__name__


def _receive(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"the connection was lost ({error})") from error


def _first_byte(response: http.client.HTTPResponse) -> int | None:
    """The start of "bytes 100-199/200"."""
    _, _, span = response.headers.get("Content-Range", "").partition(" ")
    start = span.partition("-")[0]
    return int(start) if start.isdigit() else None


def _validator_of(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _read_validator(part: Path) -> str | None:
    file = _validator_of(part)
    return file.read_text(encoding="utf-8").strip() or None if file.is_file() else None


def _write_validator(part: Path, headers) -> None:
    """Keep what a server needs to tell that its file is still the one we have a part of."""
    etag = headers.get("ETag", "")
    strong = etag if not etag.startswith("W/") else ""
    _validator_of(part).write_text(strong or headers.get("Last-Modified", ""), encoding="utf-8")


def _show_nothing(size: int, total: int | None) -> None:
    pass


@contextlib.contextmanager
def _bar(part: Path, progress: bool) -> Iterator[Callable]:
    """Yields show(bytes so far, bytes in all or None)."""
    if not progress or not sys.stderr.isatty():
        yield _show_nothing
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(part.stem, total=None)
        yield lambda size, total: bars.update(task, completed=size, total=total)
