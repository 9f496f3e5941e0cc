"""A server, a cache of the test's own, and no waiting."""

import builtins
import errno
import hashlib
import os
import random
from pathlib import Path

import pytest

from kapps.weights import _download

from .server import Server

CONTENT = random.Random(0).randbytes(700_000)


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    """No waiting between attempts, no proxy, and nothing of the caller's environment."""
    monkeypatch.setattr(_download, "WAITS", (0, 0))
    for name in ("KAPPS_OFFLINE", "KAPPS_MIRROR", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KAPPS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def server(cache):
    with Server({"/models/w.pth": CONTENT}) as running:
        yield running


@pytest.fixture
def sha256():
    return "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def make_readonly(monkeypatch):
    """Nothing below the folder can be written; permission bits would not stop root."""

    def make(folder):
        def denies(path):
            return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder)

        def guard(owner, name, forbids):
            real = getattr(owner, name)

            def guarded(path, *arguments, **named):
                if denies(path) and forbids(*arguments, **named):
                    raise PermissionError(errno.EACCES, "Permission denied", str(path))
                return real(path, *arguments, **named)

            monkeypatch.setattr(owner, name, guarded)

        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        guard(os, "open", lambda flags, *a, **k: bool(flags & writes))
        guard(builtins, "open", lambda mode="r", *a, **k: not set("wax+").isdisjoint(mode))
        for name in ("mkdir", "unlink", "replace", "rename"):
            guard(os, name, lambda *a, **k: True)

    return make
