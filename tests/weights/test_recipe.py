"""kapps weights fetch, list, verify, clear."""

import dataclasses
import json
import os
import subprocess

import pytest

from kapps.cli.settings import main, parse
from kapps.errors import WeightsError
from kapps.recipes import weights
from kapps.weights import cache as cached
from kapps.weights import catalog

from .conftest import CONTENT


def run(*words):
    return weights.run(parse(weights.Settings, list(words)))


@pytest.fixture
def rows(server, sha256, monkeypatch):
    """MobileNetV2's rows alone, their files on this machine's server."""
    known = [row for row in catalog.CHECKPOINTS if row.application == "MobileNetV2"]
    served = []
    for index, row in enumerate(known):
        path = f"/{index}.h5"
        server.files[path] = CONTENT
        hash = row.hash and sha256
        served.append(dataclasses.replace(row, url=server.url(path), hash=hash, mirrors=()))
    monkeypatch.setattr(catalog, "CHECKPOINTS", tuple(served))
    catalog._by_application.cache_clear()
    yield served
    catalog._by_application.cache_clear()


def test_fetch_by_application_takes_what_it_loads_by_default(rows, server, capsys):
    (file,) = run("fetch", "MobileNetV2")
    assert (file.tag, file.arguments, file.input_size) == ("imagenet", {"alpha": 1.0}, 224)
    assert (file.state, file.include_top, file.bytes) == ("cached", True, len(CONTENT))
    assert file.path.read_bytes() == CONTENT
    assert len(server.requests) == 1
    out = capsys.readouterr().out
    assert "MobileNetV2 imagenet" in out and "1 file ready, 0.7 MB" in out


def test_fetch_by_tag_pattern_and_without_top(rows, server):
    assert [f.tag for f in run("fetch", "timm/*")] == [
        tag for tag in catalog.tags("MobileNetV2") if tag.startswith("timm/")
    ]
    (file,) = run("fetch", "mobilenetv2", "--no-include-top")
    assert (file.tag, file.include_top) == ("imagenet", False)
    assert len(run("fetch", "MobileNetV2", "--variants")) == 6 * 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fetch",), "which weights to fetch"),
        (("fetch", "MobileNt"), "did you mean 'MobileNet"),
        (("fetch", "imagenet"), "is a tag of every application"),
        (("list", "zzz"), "`kapps weights list` shows them all"),
        (("verify", "zzz"), "neither an application"),
        (("clear",), "give --all"),
        (("clear", "MobileNetV2", "--all"), "give --all"),
        (("fetsh", "MobileNetV2"), "did you mean 'fetch'"),
    ],
)
def test_what_cannot_be_done_is_said(rows, server, words, message):
    with pytest.raises(ValueError, match=message):
        run(*words)
    assert not server.requests


def test_list_tells_what_is_here_and_what_there_is(rows, capsys):
    run("fetch", "MobileNetV2")
    states = {f.tag: f.state for f in run("list")}
    assert states.pop("imagenet") == "cached"
    assert set(states.values()) == {"missing"}
    assert "1 of 6 here, 0.7 MB" in capsys.readouterr().out
    assert len(run("list", "--variants")) == 6 * 5 + 5


def test_list_shows_other_variants_and_unknown_files_that_are_here(rows, cache):
    run("fetch", "MobileNetV2", "--variants")
    (cache / "elsewhere").mkdir()
    (cache / "elsewhere" / "own.h5").write_bytes(b"x")
    listed = run("list")
    assert sum(file.state == "cached" for file in listed) == 30
    assert [f.state for f in listed if f.application is None] == ["unchecked"]


def test_json_is_all_of_stdout(rows, capsys):
    run("fetch", "MobileNetV2", "--json")
    (fetched,) = json.loads(capsys.readouterr().out)
    fields = "application tag include_top arguments input_size url path bytes state"
    assert list(fetched) == fields.split()
    run("verify", "--json")
    assert [f["state"] for f in json.loads(capsys.readouterr().out)] == ["good"]


def test_verify_finds_damage_that_size_and_time_hide(rows, capsys):
    (plain,) = run("fetch", "MobileNetV2")  # Keras publishes no hash for it
    (hashed,) = run("fetch", "timm/mobilenetv2_100.ra_in1k")
    assert [f.state for f in run("verify")] == ["good", "good"]
    for file in (plain, hashed):
        state = file.path.stat()
        file.path.write_bytes(CONTENT[:-1] + b"?")
        os.utime(file.path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(
        WeightsError, match="damaged: MobileNetV2 imagenet, MobileNetV2 timm/"
    ) as info:
        run("verify")
    assert "clear them" in str(info.value)
    assert "2 files hashed, 2 damaged" in capsys.readouterr().out
    with pytest.raises(WeightsError, match="damaged: MobileNetV2 timm/mob"):
        run("verify", "timm/*")


def test_verify_covers_installed_packages():
    (file,) = run("verify", "EfficientNetLite0")
    assert (file.state, file.application) == ("good", "EfficientNetLite0")


def test_clear_by_name_and_all(rows, cache, capsys):
    run("fetch", "MobileNetV2", "timm/*")
    own = cache / "own.h5"
    own.write_bytes(b"not from kapps")
    assert [f.state for f in run("clear", "timm/*")] == ["removed"] * 3
    assert "3 files removed, 2.1 MB freed" in capsys.readouterr().out
    assert [f.application for f in run("list") if f.is_here] == ["MobileNetV2", None]
    part = cached.part_of(cached.path_of(rows[7].url))
    part.write_bytes(b"x" * 300_000)
    run("clear", "--all")
    assert "1 file removed, 1.0 MB freed" in capsys.readouterr().out
    assert [path for path in cache.rglob("*") if path.is_file()] == [own]


def test_clear_of_an_empty_cache(cache):
    assert run("clear", "--all") == []


def test_command_line_in_a_child_process(server, cache, python):
    listed = subprocess.run(
        [python, "-X", "importtime", "-m", "kapps.recipes.weights", "list", "VGG*"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert listed.returncode == 0 and "VGG16 imagenet" in listed.stdout
    assert " keras" not in listed.stderr
    command = [python, "-m", "kapps.recipes.weights", "fetch", "Nothing"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert refused.stderr.startswith("kapps: error: 'Nothing' is neither")
    assert "Traceback" not in refused.stderr


def test_offline_fetch_exits_with_2(cache, monkeypatch, capsys):
    monkeypatch.setenv("KAPPS_OFFLINE", "1")
    assert main(weights.Settings, weights.run, ["fetch", "VGG16"]) == 2
    assert "KAPPS_OFFLINE is set" in capsys.readouterr().err
