"""Shards: a data set as some hundred tar files, read from front to back.

A shard is a tar file of the WebDataset convention: files with the same name up to the ending belong
together. `cat/17.jpg` is a picture, `cat/17.cls` its class as a number. Python, `tar`, WebDataset,
DALI and Hugging Face's datasets read it, and shards that those wrote are read here. (ArrayRecord,
the other well-kept format, needs a package that does not exist for Windows.)

`kapps.data.sharding` writes beside each shard a table of its pictures, so that each of them can be
had at any time: an epoch depends on the seed and its number alone, whatever was read before.

    FOLDER/shards.json          classes and what was written; the last file to appear
    FOLDER/train-00000.tar      pictures and their classes
    FOLDER/train-00000.npz      where each picture lies
"""

import json
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kapps.data import indexes
from kapps.data.folders import SPLIT_FOLDERS, SUFFIXES
from kapps.data.packed import Packed
from kapps.data.sources import SPLITS, Collection, Source
from kapps.data.texts import Texts
from kapps.errors import DataError, MissingFileError

ABOUT = "shards.json"
PLAN = "plan.json"  # while shards are written
VERSION = 1
INTEGER = re.compile(r"\d+")


def open_shards(path: str, uri: str) -> Collection:
    """Open a folder of shards: those of `kapps data shard`, or any with .cls files.

    Of shards that others wrote, the name of the file or of its folder tells the part
    (imagenet-train-0000.tar), and classes are the numbers or names in the .cls files.

    Raises:
        MissingFileError: `path` does not exist, or a shard is missing.
        DataError: no shards, not written to their end, or changed since.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise MissingFileError(f"{path} does not exist; check the path.")
    if not root.is_dir():
        raise DataError(f"{path} is a file; give the folder of the shards.")
    if (root / ABOUT).is_file():
        return _open_ours(root, uri)
    if (root / PLAN).is_file():
        raise DataError(
            f"{path} is not written to its end; run the same `kapps data shard` again to go on."
        )
    return _open_foreign(root, uri)


def _open_ours(root: Path, uri: str) -> Collection:
    try:
        about = json.loads((root / ABOUT).read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{root / ABOUT} is damaged ({error}); write the shards again.") from error
    if about.get("version") != VERSION:
        raise DataError(
            f"{root / ABOUT} is of version {about.get('version')!r}, and this kapps reads "
            f"{VERSION}; write the shards again."
        )
    parts = {}
    for part, facts in about["parts"].items():
        paths = [root / f"{part}-{number:05d}.tar" for number in range(facts["shards"])]
        tables = [_table_beside(path) for path in paths]
        parts[part] = _source(paths, tables, tables, checked=True)
    return Collection(
        uri, parts, tuple(about["classes"]), named=about["named"], crop_pct=about["crop_pct"]
    )


def _table_beside(path: Path) -> dict[str, np.ndarray]:
    """The table that was written with a shard; made anew if it is lost.

    Raises:
        MissingFileError, DataError: the shard is gone, or is not the one that was written.
    """
    if not path.is_file():
        raise MissingFileError(f"{path} is missing; copy it here or write the shards again.")
    table = indexes.load(path.with_suffix(".npz"))
    if table is None:
        return table_of(path)
    if int(table["bytes"]) != (size := path.stat().st_size):
        raise DataError(
            f"{path} has {size} bytes and not the {int(table['bytes'])} that were written; "
            "copy it again."
        )
    return table


def _open_foreign(root: Path, uri: str) -> Collection:
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("[!.]*.tar")):
        found.setdefault(_part_of(path.relative_to(root)), []).append(path)
    if not found:
        raise DataError(f"{root} holds no .tar files; `kapps data shard` writes them.")
    if "all" in found and len(found) > 1:
        raise DataError(
            f"{found['all'][0]} says neither train, val nor test in its name, and others do; "
            "rename it or move it away."
        )
    listed = {part: _joined_table(paths) for part, paths in found.items()}
    words = {word for table in listed.values() for word in table["class_names"]}
    numbers = all(INTEGER.fullmatch(word) for word in words)
    count = max(map(int, words)) + 1 if numbers else 0
    classes = tuple(map(str, range(count))) if numbers else tuple(sorted(words))
    index = {name: i for i, name in enumerate(classes)}
    parts = {}
    for part in sorted(found, key=(*SPLITS, "all").index):
        table = listed[part]
        moved = np.array([index[str(int(w)) if numbers else w] for w in table["class_names"]])
        sources = {**table, "labels": moved[table["labels"]]}
        parts[part] = _source(found[part], [sources], _split(sources), checked=False)
    return Collection(uri, parts, classes, named=not numbers)


def _joined_table(paths: list[Path]) -> dict[str, np.ndarray]:
    """One table of several shards; `counts` says how many pictures each has."""

    def build() -> dict[str, np.ndarray]:
        tables = [table_of(path, named=True) for path in paths]
        words = sorted({word for table in tables for word in table["class_names"]})
        index = {word: i for i, word in enumerate(words)}
        joined = {
            key: np.concatenate([table[key] for table in tables]) for key in ("offsets", "lengths")
        }
        labels = [[index[w] for w in table["class_names"]] for table in tables]
        moved = [np.array(m)[t["labels"]] for m, t in zip(labels, tables, strict=True)]
        names = Texts.joined([_names(table) for table in tables])
        return {
            **joined,
            "labels": np.concatenate(moved).astype(np.int32),
            "class_names": np.array(words),
            "counts": np.array([len(table["labels"]) for table in tables]),
            **_kept_names(names),
        }

    return indexes.kept([str(path) for path in paths], "tars 1", build)


def _split(table: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """The places of each shard, of a joined table."""
    ends = np.cumsum(table["counts"])[:-1]
    offsets, lengths = np.split(table["offsets"], ends), np.split(table["lengths"], ends)
    return [{"offsets": o, "lengths": n} for o, n in zip(offsets, lengths, strict=True)]


def _source(
    paths: Sequence[Path],
    tables: Sequence[dict[str, np.ndarray]],
    places: Sequence[dict[str, np.ndarray]],
    checked: bool,
) -> Source:
    rows = [
        (str(path), place["offsets"], place["lengths"])
        for path, place in zip(paths, places, strict=True)
    ]
    labels = np.concatenate([table["labels"] for table in tables]).astype(np.int64)
    names = Texts.joined([_names(table) for table in tables])
    return Source(Packed.of(rows, checked=checked, sequential=True), labels, names)


def table_of(path: Path, named: bool = False) -> dict[str, np.ndarray]:
    """Look through a shard.

    Args:
        path: the tar file.
        named: whether a class is a name or a number and gets an index into "class_names"; else
            labels are the numbers.

    Returns:
        "offsets", "lengths", "labels" of the pictures, their names, and the "bytes" of the file.

    Raises:
        DataError: no tar file, cut short, a picture without a class, or no pictures.
    """
    pictures: dict[str, tuple[str, int, int]] = {}
    classes: dict[str, str] = {}
    try:
        # Uncompressed alone: nothing else can be read at any place.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                folder, slash, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                key, ending = f"{folder}{slash}{stem}", ending.casefold()
                if not member.isfile():
                    continue
                if ending == "cls":
                    classes[key] = archive.extractfile(member).read().decode("utf-8").strip()
                elif f".{ending}" in SUFFIXES:
                    pictures[key] = (member.name, member.offset_data, member.size)
    except (tarfile.TarError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no tar file that can be read ({error}).") from error
    if not pictures:
        raise DataError(f"{path} holds no pictures.")
    if lost := next((key for key in pictures if not classes.get(key)), None):
        raise DataError(
            f"{path}: the picture {pictures[lost][0]} has no class; expected a file {lost}.cls."
        )
    words = [classes[key] for key in pictures]
    table = {
        "offsets": np.array([place for _, place, _ in pictures.values()], np.uint64),
        "lengths": np.array([size for _, _, size in pictures.values()], np.uint32),
        **_kept_names(Texts.of(name for name, _, _ in pictures.values())),
        "bytes": np.array(path.stat().st_size),
    }
    if named:
        known = sorted(set(words))
        index = {word: i for i, word in enumerate(known)}
        labels = np.array([index[word] for word in words], np.int32)
        return {**table, "labels": labels, "class_names": np.array(known)}
    return {**table, "labels": np.array(words).astype(np.int32)}


def _kept_names(names: Texts) -> dict[str, np.ndarray]:
    """Strings as arrays of a file."""
    folders = "\0".join(names.folders).encode("utf-8", "surrogateescape")
    return {
        "folders": np.frombuffer(folders, np.uint8),
        "numbers": names.numbers,
        "block": np.frombuffer(names.block, np.uint8),
        "ends": names.ends,
    }


def _names(table: dict[str, np.ndarray]) -> Texts:
    folders = table["folders"].tobytes().decode("utf-8", "surrogateescape").split("\0")
    return Texts(folders, table["numbers"], table["block"].tobytes(), table["ends"])


def _part_of(path: Path) -> str:
    """The part that a shard belongs to by its name: train, val, test, or all."""
    words = re.split(r"[^a-z]+", path.as_posix().casefold())
    return next((SPLIT_FOLDERS[word] for word in words if word in SPLIT_FOLDERS), "all")
