"""Shards: written whole, gone on with after a kill, read by Python's tarfile and ours alike."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kapps.data import find, indexes, load, packed, sharding
from kapps.data.images import open_image
from kapps.errors import DataError, KappsError, MissingFileError

from . import pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for part, count in (("train", 12), ("val", 3)):
        pictures.write_class_folders(folder / part, {"cat": count, "dog": count}, (20, 16))
    (folder / "train" / "cat" / "bad.jpg").write_bytes(pictures.truncated_jpeg())
    (folder / "train" / "dog" / "0.v2.jpg").write_bytes(pictures.encode(pictures.photo(), "PNG"))
    (folder / "train" / "dog" / "0_v2.png").write_bytes(pictures.encode(pictures.photo(), "PNG"))
    return folder


@pytest.fixture(scope="module")
def shards(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "shards"
    sharding.write_shards(find(str(photos)), folder, pictures=10)
    return folder


def contents(source):
    """Bytes and class of every picture."""
    items = (io.BytesIO(item).getvalue() for item in source.items)
    return sorted(zip(items, source.labels.tolist(), strict=True))


def test_what_is_written_and_what_is_left_out(photos, tmp_path):
    told = []
    result = sharding.write_shards(find(photos), tmp_path / "s", pictures=10, advance=told.append)
    assert sum(told) == 33 and result["written"] == 4
    rows = {part: (row["pictures"], row["shards"]) for part, row in result["parts"].items()}
    assert rows == {"train": (26, 3), "val": (6, 1)}
    assert [row["image"] for row in result["left_out"]] == ["train/cat/bad.jpg"]
    assert "bad.jpg is damaged" in result["left_out"][0]["reason"]
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert names == [
        "shards.json",
        *(f"train-0000{i}.{end}" for i in range(3) for end in ("npz", "tar")),
        "val-00000.npz",
        "val-00000.tar",
    ]


def test_shards_hold_the_bytes_of_the_folder(photos, shards):
    ours, folder = find(f"shards:{shards}"), find(photos)
    assert ours.classes == ("cat", "dog") and ours.named and ours.crop_pct == folder.crop_pct
    for part in ("train", "val"):
        rows = contents_of_files(folder.parts[part])
        assert contents(ours.parts[part]) == [row for row in rows if whole(row[0])]
    assert set(ours.parts["val"].names) == set(folder.parts["val"].names)
    first = ours.parts["train"]
    assert first.items.checked and first.items.sequential
    # A PNG called .jpg is called .png, and a dot in a name makes no second picture of one.
    assert {"train/dog/0_v2.png", "train/dog/0_v2-2.png"} < set(first.names)


def contents_of_files(source):
    rows = zip(source.items, source.labels.tolist(), strict=True)
    return sorted((Path(path).read_bytes(), label) for path, label in rows)


def whole(data: bytes) -> bool:
    try:
        open_image(data)
    except KappsError:
        return False
    return True


def test_tarfile_reads_what_webdataset_would(shards):
    """The convention: the same name up to the first dot is one sample; the class is in .cls."""
    seen = 0
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as archive:
            members = archive.getnames()
            for name in members:
                if not name.endswith(".cls"):
                    key = name.rpartition(".")[0]
                    assert f"{key}.cls" in members and "." not in key
                    label = int(archive.extractfile(f"{key}.cls").read())
                    assert ("cat", "dog")[label] == key.split("/")[-2]
                    Image.open(archive.extractfile(name)).verify()
                    seen += 1
    assert seen == 32


def test_the_same_plan_gives_the_same_files_and_another_is_refused(photos, shards, tmp_path):
    again = tmp_path / "again"
    sharding.write_shards(find(photos), again, pictures=10)
    for path in shards.glob("*.tar"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    assert sharding.write_shards(find(photos), again)["written"] == 0
    for settings in ({"seed": 1}, {"pictures": 5}):
        with pytest.raises(DataError, match="holds shards of other data, or with another seed"):
            sharding.write_shards(find(photos), again, **settings)
    with pytest.raises(DataError, match="holds shards of other data"):
        sharding.write_shards(find("digits"), again)
    with pytest.raises(DataError, match="is not empty .*; choose a new folder"):
        sharding.write_shards(find(photos), photos)


def test_a_killed_run_leaves_whole_files_and_goes_on(photos, tmp_path):
    code = """
import sys, time
from kapps.data import find, sharding
slow = sharding._add
def add(*args):
    time.sleep(0.03)
    slow(*args)
sharding._add = add
sharding.write_shards(find(sys.argv[1]), sys.argv[2], pictures=10)
"""
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", code, str(photos), str(out)])
    for _ in range(600):
        if (out / "train-00000.npz").exists() and list(out.glob(".tmp-*.tar")):
            break
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert (out / "plan.json").exists() and not (out / "shards.json").exists()
    for path in out.glob("[!.]*.tar"):
        with tarfile.open(path) as archive:
            assert len(archive.getnames()) == 2 * len(
                indexes.load(path.with_suffix(".npz"))["ends"]
            )
    with pytest.raises(DataError, match="is not written to its end; run the same"):
        find(f"shards:{out}")
    result = sharding.write_shards(find(photos), out)
    assert result["written"] in (2, 3) and not list(out.glob(".tmp-*"))
    assert len(find(f"shards:{out}").parts["train"]) == 26


def test_arrays_become_png(tmp_path):
    sharding.write_shards(find("digits"), tmp_path / "d", pictures=600)
    ours, digits = find(f"shards:{tmp_path / 'd'}"), find("digits").parts["all"]
    part = ours.parts["all"]
    assert len(part) == 1797 and ours.crop_pct == 1.0
    assert part.names[0].startswith("digits[") and part.names[0].endswith("].png")
    number = int(part.names[0][7:-5])
    assert part.labels[0] == digits.labels[number]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(part.items[0]))),
                                  digits.items[number])  # fmt: skip


def test_a_lost_table_is_made_anew_and_a_changed_shard_is_told(photos, tmp_path):
    out = tmp_path / "s"
    sharding.write_shards(find(photos), out, pictures=10)
    before = contents(find(f"shards:{out}").parts["train"])
    (out / "train-00001.npz").unlink()
    assert contents(find(f"shards:{out}").parts["train"]) == before
    with open(out / "train-00000.tar", "ab") as file:
        file.write(b"\0")
    with pytest.raises(DataError, match="train-00000.tar has .* bytes and not the .*; copy it"):
        find(f"shards:{out}")
    (out / "train-00000.tar").unlink()
    with pytest.raises(MissingFileError, match="train-00000.tar is missing"):
        find(f"shards:{out}")
    (out / "shards.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(DataError, match="version 99, and this kapps reads 1"):
        find(f"shards:{out}")


def write_tar(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in rows:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_shards_that_others_wrote(tmp_path, monkeypatch):
    photo = pictures.encode(pictures.photo(), "JPEG")
    for part, labels in (("train", (0, 7, 7)), ("validation", (7,))):
        rows = []
        for i, label in enumerate(labels):
            rows += [(f"{i}.cls", f"{label}".encode()), (f"{i}.jpg", photo), (f"{i}.json", b"{}")]
        write_tar(tmp_path / "a" / f"imagenet1k-{part}-0000.tar", rows)
    found = find(f"shards:{tmp_path / 'a'}")
    assert {part: one.labels.tolist() for part, one in found.parts.items()} == {
        "train": [0, 7, 7],
        "val": [7],
    }
    assert found.classes == tuple("01234567") and not found.named
    assert found.parts["val"].items[0] == photo and not found.parts["val"].items.checked
    write_tar(tmp_path / "b" / "x.tar", [("p.jpg", photo), ("p.cls", b"dog"), ("q.png", photo),
                                         ("q.cls", b"cat\n")])  # fmt: skip
    monkeypatch.setattr(indexes, "WORTH_KEEPING", 2)
    for _ in range(2):  # looked through, then from the table that was kept
        found = find(f"shards:{tmp_path / 'b'}")
        assert found.classes == ("cat", "dog") and found.parts["all"].labels.tolist() == [1, 0]
        assert found.parts["all"].names == ["p.jpg", "q.png"] and found.named


def test_errors(tmp_path):
    with pytest.raises(MissingFileError, match="nothing does not exist"):
        find(f"shards:{tmp_path / 'nothing'}")
    with pytest.raises(DataError, match="holds no .tar files; `kapps data shard` writes them"):
        find(f"shards:{tmp_path}")
    photo = pictures.encode(pictures.photo(), "JPEG")
    write_tar(tmp_path / "a" / "x.tar", [("p.jpg", photo)])
    with pytest.raises(DataError, match="the picture p.jpg has no class; expected a file p.cls"):
        find(f"shards:{tmp_path / 'a'}")
    (tmp_path / "a" / "x.tar").write_bytes(b"no tar")
    with pytest.raises(DataError, match="x.tar is no tar file that can be read"):
        find(f"shards:{tmp_path / 'a'}")


def test_the_order_reads_each_file_from_front_to_back():
    """Ten files of 50: groups of 2 or 3 files, in each windows of at most 30 pictures."""
    files = np.repeat(np.arange(10), 50)
    order = packed.shuffled(files, np.random.default_rng(0), mixed=3, buffer=30)
    assert sorted(order) == list(range(500))
    spans = {number: np.flatnonzero(files[order] == number) for number in range(10)}
    for start in range(0, 500, 10):
        open_now = [n for n, at in spans.items() if at[0] <= start <= at[-1]]
        assert len(open_now) <= 3
    for number, at in spans.items():
        inside = order[at] - 50 * number  # places in the file, in the order in which they are read
        back = np.maximum.accumulate(inside) - inside
        assert 0 < back.max() < 15  # a window takes 30 / 2 of each of two files, or 10 of three
        assert abs(at - at.mean()).max() <= 75  # and the file is read within its group's turn
    other = packed.shuffled(files, np.random.default_rng(1), mixed=3, buffer=30)
    same = packed.shuffled(files, np.random.default_rng(0), mixed=3, buffer=30)
    assert (order != other).any() and (order == same).all()
    assert sorted(packed.shuffled(files, np.random.default_rng(0))) == list(range(500))


def test_an_epoch_of_shards_depends_on_seed_and_number(shards):
    options = {"size": 8, "batch_size": 4, "training": True, "cache": "none", "seed": 3}
    dataset = load(f"shards:{shards}", **options)
    assert dataset.images == 26 and not dataset.cached
    epochs = [[(x, y) for x, y in dataset] for _ in range(2)]
    fresh = load(f"shards:{shards}", **options)
    fresh.set_epoch(1)
    for (x, y), (u, v) in zip(fresh, epochs[1], strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)
    assert any((x != u).any() for (x, _), (u, _) in zip(*epochs, strict=True))
    assert np.bincount(np.concatenate([y for _, y in epochs[0]])).tolist() == [12, 14]


def test_the_next_stretch_is_asked_for(shards, monkeypatch):
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("this system takes no advice")
    asked = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _, start, size, what: asked.append((start, size))
    )
    items = find(f"shards:{shards}").parts["train"].items
    items.ahead(np.array([2, 5, 3]))
    start, end = int(items.offsets[2]), int(items.offsets[5] + items.lengths[5])
    assert asked == [(start, end - start)]
    items.ahead(np.array([3, 4]))  # lies within
    assert len(asked) == 1
