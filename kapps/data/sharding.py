"""Write a data set as shards; see `kapps.data.shards` for what they are.

Pictures to train on are written in a random order, so that each shard is a sample of the whole and
reading it from front to back meets every class. Each picture is decoded once before it is written,
and keeps the bytes that it had: nothing is compressed twice.

A shard appears under its name when it is whole, its table after it, and `shards.json` after all. A
run that was killed goes on where it stopped: which pictures a shard gets depends on the plan alone,
which lies in the folder until then.
"""

import hashlib
import io
import json
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from kapps.data import images, indexes, parallel, reading
from kapps.data.shards import ABOUT, PLAN, VERSION, table_of
from kapps.data.sources import Collection, Source
from kapps.errors import DataError
from kapps.files import atomic_path, atomic_write, explain_write_errors

BYTES = 100 << 20  # of a shard: large enough to be read in one go, small enough to be many
FEWEST, MOST = 100, 10_000  # pictures in a shard
SAMPLE = 64  # pictures whose bytes are looked up to choose a number
WAITING = 64  # pictures read and decoded ahead of the one that is written
ENDINGS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "TIFF": "tif"}


def write_shards(
    collection: Collection,
    folder: str | Path,
    *,
    pictures: int | None = None,
    seed: int = 0,
    advance: Callable[[int], object] = lambda _: None,
) -> dict[str, Any]:
    """Write every part of a data set, or what is still missing of it.

    Args:
        collection: what `kapps.data.find` found.
        folder: where the shards go; made if it does not exist.
        pictures: how many a shard gets; None chooses so that it has about 100 MB.
        seed: of the order in which pictures to train on are written.
        advance: told how many pictures were written, or found written, as it goes.

    Returns:
        {"parts": {part: {"pictures", "shards", "bytes"}}, "left_out": [{"image", "reason"}],
        "written": shards that this call wrote}.

    Raises:
        DataError: the folder holds something else, or another process writes into it.
        FileWriteError: disk full, no permission.
    """
    folder = Path(folder)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            plan = _agree(collection, folder, pictures, seed)
            result = _write_parts(collection, folder, plan, advance)
    except filelock.Timeout:
        raise DataError(
            f"another process writes shards into {folder}; wait for it or choose another folder."
        ) from None
    (folder / ".lock").unlink(missing_ok=True)
    return result


def _agree(collection: Collection, folder: Path, pictures: int | None, seed: int) -> dict[str, Any]:
    """The plan of the folder: a new one, or the one that it has if it is of this data.

    Raises:
        DataError: it is of other data or settings, or other files are there.
    """
    facts = {"version": VERSION, "seed": seed, "data": _digest(collection)}
    for name in (ABOUT, PLAN):
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text("utf-8"))
            same = all(found.get(key) == value for key, value in facts.items())
            if not same or pictures not in (None, found["pictures"]):
                raise DataError(
                    f"{folder} holds shards of other data, or with another seed or number of "
                    "pictures; choose another folder or delete it."
                )
            return found
    if others := sorted(path.name for path in folder.iterdir() if path.name[0] != "."):
        raise DataError(f"{folder} is not empty ({others[0]}); choose a new folder.")
    plan = {**facts, "pictures": pictures or _fitting(collection)}
    with atomic_write(folder / PLAN, "w") as file:
        json.dump(plan, file)
    return plan


def _digest(collection: Collection) -> str:
    """Of what is to be written: names and classes, not the pictures themselves."""
    hasher = hashlib.blake2b(digest_size=16)
    hasher.update(json.dumps(collection.classes).encode())
    for part, source in sorted(collection.parts.items()):
        hasher.update(f"{part} {len(source)}".encode())
        hasher.update(source.labels.astype(np.int64).tobytes())
        for name in source.names:
            hasher.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return hasher.hexdigest()


def _fitting(collection: Collection) -> int:
    """Pictures in a shard of about BYTES, by the mean of some."""
    sizes = []
    for source in collection.parts.values():
        for i in np.linspace(0, len(source) - 1, min(len(source), SAMPLE)).astype(int):
            item = source.items[i]
            if isinstance(item, str):
                path = Path(item)
                sizes.append(path.stat().st_size if path.exists() else 0)
            else:
                sizes.append(len(item) if isinstance(item, bytes) else item.size)
    return int(np.clip(BYTES // max(1, int(np.mean(sizes))), FEWEST, MOST))


def _write_parts(
    collection: Collection, folder: Path, plan: dict[str, Any], advance: Callable[[int], object]
) -> dict[str, Any]:
    for leftover in folder.glob(".tmp-*"):  # of a run that was killed; nobody else writes here
        leftover.unlink()
    count, parts, left_out, written = plan["pictures"], {}, [], 0
    for number, (part, source) in enumerate(sorted(collection.parts.items())):
        order = np.arange(len(source))
        if part in ("train", "all"):
            order = np.random.default_rng([plan["seed"], number]).permutation(len(source))
        left_out += [{"image": name, "reason": reason} for name, reason in source.skipped]
        starts = range(0, len(source), count)
        sizes = []
        for shard, start in enumerate(starts):
            path, chosen = folder / f"{part}-{shard:05d}.tar", order[start : start + count]
            table = indexes.load(path.with_suffix(".npz"))
            if table is None or not path.is_file() or path.stat().st_size != int(table["bytes"]):
                table = _write_shard(path, source, chosen)
                written += 1
            left_out += json.loads(str(table["left_out"]))
            sizes.append((len(table["labels"]), int(table["bytes"])))
            advance(len(chosen))
        pictures, size = (sum(column) for column in zip(*sizes, strict=True))
        parts[part] = {"pictures": pictures, "shards": len(sizes), "bytes": size}
    about = {
        **plan,
        "classes": list(collection.classes),
        "named": collection.named,
        "crop_pct": collection.crop_pct,
        "from": collection.uri,
        "parts": parts,
    }
    with atomic_write(folder / ABOUT, "w") as file:
        json.dump(about, file, indent=1, ensure_ascii=False)
    (folder / PLAN).unlink(missing_ok=True)
    return {"parts": parts, "left_out": left_out, "written": written}


def _write_shard(path: Path, source: Source, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Write a tar file and then its table, which is read from it."""
    left_out, used = [], set()
    with atomic_path(path) as temporary:
        with explain_write_errors(path), tarfile.open(temporary, "w") as archive:
            for i, result in zip(chosen, _in_order(source, chosen), strict=True):
                if isinstance(result, Exception):
                    left_out.append({"image": source.names[i], "reason": str(result)})
                    continue
                data, ending = result
                key = _key(source.names[i], used)
                _add(archive, f"{key}.{ending}", data)
                _add(archive, f"{key}.cls", str(source.labels[i]).encode())
        if not used:
            raise DataError(
                f"none of the {len(chosen)} pictures of {path.name} can be read; "
                f"{left_out[0]['image']}: {left_out[0]['reason']}"
            )
        table = table_of(temporary)
    table["left_out"] = np.array(json.dumps(left_out))
    indexes.save(path.with_suffix(".npz"), table)
    return table


def _key(name: str, used: set[str]) -> str:
    """A picture's name without its ending and without other dots, once in a shard."""
    folder, _, file = name.rpartition("/")
    stem = file.rpartition(".")[0] or file
    below = [word for word in folder.split("/") if word.strip(".")]  # a table may name ../photos
    key = plain = "/".join([*below, stem.replace(".", "_")])
    number = 1
    while key in used:
        number += 1
        key = f"{plain}-{number}"
    used.add(key)
    return key


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _in_order(source: Source, chosen: Iterable[int]) -> Iterator[tuple[bytes, str] | Exception]:
    """The file of each picture and its ending, or why it cannot be read; in their order."""
    waiting: deque = deque()
    rest = iter(chosen)

    def submit() -> None:
        for i in rest:
            waiting.append(parallel.pool().submit(_file_of, source.items, i))
            return

    for _ in range(WAITING):
        submit()
    while waiting:
        result = waiting.popleft().result()
        submit()
        yield result


def _file_of(items: Any, i: int) -> tuple[bytes, str] | Exception:
    try:
        item = images.read(items[i])
        if isinstance(item, np.ndarray):
            buffer = io.BytesIO()
            images.peek(item).save(buffer, "PNG")
            return buffer.getvalue(), "png"
        picture = images.peek(item)
        kind = picture.format or "png"
        images.decode(picture)
        data = item if isinstance(item, bytes) else item.getvalue()
    except reading.UNREADABLE as error:
        return error
    return data, ENDINGS.get(kind, kind.casefold())
