"""Fetching: several processes at once, and disks that are full or read-only."""

import builtins
import errno
import io
import shutil
import subprocess
import sys
import threading
import time

import pytest

from kapps.errors import (
    FileWriteError,
)
from kapps.weights import cache as cached
from kapps.weights import sources

from .conftest import CONTENT

PATH = "/models/w.pth"


CHILD = """
import sys
from kapps.weights import sources
print(sources.fetch(sys.argv[1], sys.argv[2]))
"""


def test_two_processes_make_one_download(server, cache, sha256):
    server.gate.clear()
    command = [sys.executable, "-c", CHILD, server.url(PATH), sha256]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    deadline = time.monotonic() + 60
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    # Hold the first back until the second says that it waits.
    said = threading.Event()

    def listen(child):
        for line in child.stderr:
            if "waiting for another process" in line:
                said.set()

    listeners = [threading.Thread(target=listen, args=(child,)) for child in children]
    for listener in listeners:
        listener.start()
    assert said.wait(60)
    server.gate.set()
    paths = {child.communicate(timeout=60)[0].strip() for child in children}
    for listener in listeners:
        listener.join()
    assert [child.returncode for child in children] == [0, 0]
    assert len(paths) == 1 and len(server.requests) == 1


def test_threads_make_one_download(server, cache, sha256):
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(sources.fetch(server.url(PATH), sha256)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 8 and len(set(paths)) == 1
    assert len(server.requests) == 1


def test_killed_process_leaves_no_lock(server, cache, sha256):
    server.gate.clear()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, server.url(PATH), sha256], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()
    child.wait(60)
    server.gate.set()
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT


def test_readonly_cache_still_gives_what_it_has(server, cache, sha256, make_readonly):
    path = sources.fetch(server.url(PATH), sha256)
    path.with_name("w.pth.kapps.json").unlink()
    make_readonly(cache)
    with pytest.raises(PermissionError):  # the simulation bites
        open(path, "ab")  # noqa: SIM115
    assert sources.fetch(server.url(PATH), sha256) == path
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("exists", [True, False])
def test_readonly_cache_without_the_file(server, cache, sha256, make_readonly, exists):
    if exists:
        cached.path_of(server.url(PATH)).parent.mkdir(parents=True)
    make_readonly(cache)
    with pytest.raises(
        FileWriteError, match=r"cannot write .*permission is denied; set KAPPS_HOME"
    ):
        sources.fetch(server.url(PATH), sha256)
    assert not server.requests


def test_home_below_a_file(server, tmp_path, monkeypatch, sha256):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("KAPPS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(FileWriteError, match="set KAPPS_HOME"):
        sources.fetch(server.url(PATH), sha256)


def test_full_disk_in_the_middle(server, cache, sha256, monkeypatch):
    real = builtins.open

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def opener(path, mode="r", *arguments, **named):
        if str(path).endswith(".part") and "b" in mode and mode != "rb":
            return Full(path, mode.replace("b", ""))
        return real(path, mode, *arguments, **named)

    monkeypatch.setattr(builtins, "open", opener)
    with pytest.raises(
        FileWriteError, match=r"disk is full while writing .*w\.pth.*set KAPPS_HOME"
    ):
        sources.fetch(server.url(PATH), sha256)
    assert not list(cache.rglob("*.part*"))


def test_too_little_space_is_seen_before(server, cache, sha256, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=600_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FileWriteError, match="disk is full"):
        sources.fetch(server.url(PATH), sha256)
    assert not list(cache.rglob("*.part*"))
