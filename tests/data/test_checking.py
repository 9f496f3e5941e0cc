"""What is wrong with a data set: each kind of trouble is made, and found by name."""

import numpy as np
import pytest
from PIL import Image

from kapps.data import checking, contact, find, fingerprints

from . import pictures


def scene(seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """A picture with much to tell it by."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8))
    return rough.resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    number = 0
    for part, count in (("train", 12), ("val", 3)):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                number += 1
                scene(number).save(root / part / name / f"{i}.png")
    cat, dog = root / "train" / "cat", root / "train" / "dog"
    (root / "train" / "mouse").mkdir()
    (cat / "cut.jpg").write_bytes(pictures.truncated_jpeg())
    (cat / "notes.txt").write_text("hello")
    Image.new("RGB", (90, 70), (10, 20, 200)).save(cat / "blue.png")
    scene(100, 5, 5).save(cat / "thumb.png")
    scene(101, 400, 60).save(cat / "panorama.png")
    (cat / "named.jpg").write_bytes(pictures.encode(scene(102), "PNG"))
    scene(103).convert("CMYK").save(cat / "print.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    scene(104).save(cat / "turned.jpg", exif=turned)
    (root / "val" / "cat" / "again.png").write_bytes((cat / "0.png").read_bytes())
    scene(2).resize((200, 150)).save(root / "val" / "cat" / "near.jpg", quality=70)
    (dog / "both.png").write_bytes((cat / "2.png").read_bytes())
    (dog / "copy.png").write_bytes((dog / "1.png").read_bytes())
    return root


def test_every_trouble_is_named(bad):
    told = []
    report = checking.check(find(bad), advance=told.append)
    found = {row["kind"]: row["pictures"] for row in report["findings"]}
    assert found == {
        "unreadable": ["train/cat/cut.jpg"],
        "foreign": [str(bad / "train/cat/notes.txt")],
        "constant": ["train/cat/blue.png"],
        "tiny": ["train/cat/thumb.png"],
        "long": ["train/cat/panorama.png"],
        "extension": ["train/cat/named.jpg"],
        "mode": ["train/cat/print.jpg"],
        "rotated": ["train/cat/turned.jpg"],
        "leak": [["train/cat/0.png", "val/cat/again.png"]],
        "near_leak": [["train/cat/1.png", "val/cat/near.jpg"]],
        "conflict": [["train/cat/2.png", "train/dog/both.png"]],
        "duplicate": [["train/dog/1.png", "train/dog/copy.png"]],
        "empty_class": ["mouse"],
    }
    levels = [row["level"] for row in report["findings"]]
    assert levels == sorted(levels, key=("error", "warning", "note").index)
    assert all(row["cure"] for row in report["findings"])
    assert sum(told) == report["pictures"] == 41
    assert report["classes"][1] == {"name": "dog", "pictures": 17, "train": 14, "val": 3}
    assert report["sizes"]["width"] == [5, 96, 400]


def test_an_undivided_set_is_checked_as_it_will_be_divided(tmp_path):
    for name, count in (("A", 30), ("a ", 1)):
        (tmp_path / name).mkdir()
        for i in range(count):
            scene(ord(name[0]) + i).save(tmp_path / name / f"{i}.png")
    scene(65).save(tmp_path / "A" / "copy.png")
    report = checking.check(find(tmp_path))
    kinds = {row["kind"] for row in report["findings"]}
    assert set(report["parts"]) == {"train", "val"}
    assert {"names", "few", "imbalance", "no_judge"} <= kinds and kinds & {"leak", "duplicate"}


def test_a_sound_set_has_no_findings():
    assert checking.check(find("digits"))["findings"] == []


def test_near_pictures_by_both_ways(monkeypatch):
    """Another size and brightness is the same picture; another picture is not."""
    whole = [scene(i) for i in range(30)]
    again = [one.resize((50, 40)).point(lambda value: 20 + value * 0.8) for one in whole[:5]]
    smalls = np.stack([fingerprints.small(one) for one in whole + again])
    expected = [(i, 30 + i) for i in range(5)]
    assert fingerprints.near(smalls, np.ones(35, bool)) == expected
    monkeypatch.setattr(fingerprints, "FEW", 0)
    assert set(fingerprints.near(smalls, np.ones(35, bool))) <= set(expected)


def test_the_hash_says_where_the_right_neighbour_is_darker():
    falling = np.tile(np.arange(18, 0, -1, dtype=np.uint8), (1, 16, 1))
    assert fingerprints.hashes(falling)[0] == 2**64 - 1
    assert fingerprints.hashes(falling[:, :, ::-1])[0] == 0


@pytest.mark.parametrize("augment", ["none", "default", "digits"])
def test_a_contact_sheet(bad, tmp_path, augment):
    shown = contact.write_sheet(find(bad), tmp_path / "sheet.png", augment, 32, 6)
    assert {row["class"] for row in shown} == {"cat", "dog"} and len(shown) == 6
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.width > sheet.height > 3 * contact.CELL
    assert len(sheet.getcolors(1 << 24)) > 1000
