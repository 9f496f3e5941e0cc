"""What a data set of many pictures takes in memory and how fast they come: folders and shards.

`python -m tools.benchmarks.reading 2000` prints the rows for so few.
"""

import io
import itertools
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from kapps.data import Dataset, find, load
from kapps.data.sharding import write_shards
from tools.benchmarks._measure import Section, alternate

TITLE = "Many pictures"
COUNT, CLASSES, DIFFERENT = 200_000, 1000, 64  # DIFFERENT are copied over and over
SIZE, BATCH, LOOKED = 64, 256, 12_800  # pixels; pictures a batch, pictures a turn
COLUMNS = (
    *("", "bytes a picture in memory", "at most while listing", "look through at the start"),
    "images a second",
)
TEXT = """{count:,} JPEGs of {size}x{size} pixels in {classes:,} folders, named as ImageNet's, and
the shards that `kapps data shard` makes of them. The list of the pictures is all that grows with
their number; an epoch's order takes 8 bytes a picture more. Files are looked through at the start,
as damaged ones are left out; those in shards were when they were written. Images a second is the
median of three turns of {looked:,}, in the order of a training, random pieces cut anew. The files
are in the memory of the system, so what shards spare on a disk or a network is not in it."""


def run(count: int = COUNT) -> Section:
    """Both forms of the same pictures."""
    load("digits", size=SIZE, training=True)  # imports TensorFlow, which is not measured
    with tempfile.TemporaryDirectory() as name:
        folder, shards = Path(name, "pictures"), Path(name, "shards")
        write_pictures(folder, count)
        write_shards(find(f"folder:{folder}"), shards)
        sides = {side: f"{side}:{path}" for side, path in (("folder", folder), ("shards", shards))}
        listed = {side: listing(uri) for side, uri in sides.items()}
        turns = {side: partial(rate, data) for side, (*_, data) in listed.items()}
        found = alternate(turns, times=3)
    rows = [
        (side, f"{used:.0f}", f"{peak:.0f}", f"{seconds:.1f} s", f"{found[side]:,.0f}")
        for side, (used, peak, seconds, _) in listed.items()
    ]
    numbers = {"size": SIZE, "classes": CLASSES, "looked": min(LOOKED, count)}
    return Section(TITLE, TEXT.format(count=count, **numbers).replace("\n", " "), COLUMNS, rows)


def write_pictures(folder: Path, count: int) -> None:
    """So many small JPEGs, in folders called n00000000 and so on."""
    rng, files = np.random.default_rng(0), []
    for _ in range(DIFFERENT):
        pixels = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((SIZE, SIZE))
        pixels.save(file := io.BytesIO(), "JPEG")
        files.append(file.getvalue())
    for number in range(min(CLASSES, count)):
        (folder / f"n{number:08}").mkdir(parents=True)
    for number in range(count):
        name = f"n{number % CLASSES:08}"
        (folder / name / f"{name}_{number}.JPEG").write_bytes(files[number % DIFFERENT])


def listing(uri: str) -> tuple[float, float, float, Dataset]:
    """Bytes a picture of the list, and at most while it was made; seconds of the look; data set."""
    tracemalloc.start()
    source = next(iter(find(uri).parts.values()))
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    start = time.perf_counter()
    data = load(
        uri, split="all", size=SIZE, batch_size=BATCH, training=True, cache="none", progress=False
    )
    seconds = time.perf_counter() - start
    return used / len(source), peak / len(source), seconds, data


def rate(data: Dataset) -> float:
    """Images a second of some thousand pictures, in the order of a training."""
    batches = itertools.islice(data.batches, LOOKED // BATCH)
    start = time.perf_counter()
    count = sum(len(images) for images, _ in batches)
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    for row in run(int(sys.argv[1])).rows:
        print("  ".join(row))
