"""Bytes a picture and images a second of several forms of one data set, side by side.

python -m tools.benchmarks.reading folder:FOLDER shards:SHARDS
"""

import sys
import time
import tracemalloc

import numpy as np

from kapps.data import find, reading
from kapps.data.packed import shuffled
from kapps.data.transforms import Transform

IMAGES, BATCH, SIZE, ROUNDS = 12_800, 256, 64, 3


def main(uris: list[str]) -> None:
    """Print what the list of each data set takes, and how fast its pictures come, in turns."""
    readers = {}
    for uri in uris:
        tracemalloc.start()
        source = find(uri).parts["train"]
        used, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        count = len(source)
        print(f"{uri}: {count} pictures, {used / count:.0f} bytes each, at most {peak / count:.0f}")
        start = time.perf_counter()
        readers[uri] = reading.Reader(source, Transform(size=SIZE, training=True), 0, "none")
        print(f"{uri}: looked through in {time.perf_counter() - start:.1f} s")
    for number in range(ROUNDS):
        for uri, reader in readers.items():
            rng = np.random.default_rng(number)
            files = getattr(reader.source.items, "stretches", None)
            order = rng.permutation(len(reader.source)) if files is None else shuffled(files, rng)
            order = order[:IMAGES]
            start = time.perf_counter()
            for first in range(0, len(order), BATCH):
                reader.batch(order[first : first + BATCH], 0)
            print(f"{uri}: {len(order) / (time.perf_counter() - start):.0f} images/s")


if __name__ == "__main__":
    main(sys.argv[1:])
