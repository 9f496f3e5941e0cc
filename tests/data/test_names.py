"""Folders are matched to a model's outputs by name, or refused with near matches."""

import csv
from pathlib import Path

import pytest

import kapps
from kapps.data import names
from kapps.errors import DataError

TABLE = Path(kapps.__file__).parent / "imagenet_classes.tsv"


@pytest.fixture(scope="module")
def imagenet():
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple((row["wnid"], row["label"]) for row in csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize(
    "folder, index",  # indices of the ILSVRC 2012 challenge
    [
        ("n01443537", 1),
        ("n01443537_goldfish", 1),
        ("n01443537-anything", 1),
        ("goldfish", 1),
        ("Goldfish", 1),
        ("great_white_shark", 2),
        ("Great White Shark", 2),
        ("great-white-shark", 2),
        ("n02012849", 134),  # crane, the bird
        ("n03126707", 517),  # crane, the machine
        ("Cardigan", 264),  # the dog; exact case first
        ("cardigan", 474),  # the jacket
    ],
)
def test_imagenet_names(imagenet, folder, index):
    assert names.match([folder], imagenet, "the folder") == [index]


def test_every_label_and_wnid_finds_itself(imagenet):
    wnids = [wnid for wnid, _ in imagenet]
    assert names.match(wnids, imagenet, "the folder") == list(range(1000))
    labels = [label for _, label in imagenet]
    twice = {label for label in labels if labels.count(label) > 1}
    assert twice == {"crane", "maillot"}
    found, expected = [], []
    for i, label in enumerate(labels):
        if label not in twice:
            expected.append(i)
            found.append(label)
    assert names.match(found, imagenet, "the folder") == expected


def test_ambiguous_name(imagenet):
    with pytest.raises(DataError, match="'crane' fits 2 classes.*n02012849.*n03126707.*use the wn"):
        names.match(["crane"], imagenet, "the folder")


def test_near_matches_are_named(imagenet):
    with pytest.raises(DataError, match="the folder 'gold fsh' is none of the .*1000.*goldfish"):
        names.match(["gold fsh"], imagenet, "the folder")
    with pytest.raises(DataError, match="'xyzzy' is none of the .*they begin .*tench"):
        names.match(["xyzzy"], imagenet, "the folder")
    with pytest.raises(DataError, match="'n99999999' is none"):
        names.match(["n99999999"], imagenet, "the folder")


def test_plain_labels():
    assert names.match(["DOG", "cat"], ("cat", "dog"), "the folder") == [1, 0]
    assert names.labels_of([("n1", "a"), "b"]) == ("a", "b")
    with pytest.raises(TypeError, match="class_names holds 3"):
        names.labels_of([3])
