"""Measure the .tflite files of applications: `python -m tools.measure_tflite NAME ...`.

Writes docs/tflite.json, one application after another, so that it can be stopped and gone on with:
bytes in float32 and int8 (or the error of the conversion), operators of the float32 file and those
that a GPU leaves to the CPU. Weights are random and int8 sees one picture of noise, which changes
none of them. `--all` takes every application, `--again` those that are measured already. Several
can run at once: each adds its lines to what the file holds by then.

A conversion takes six times the memory of the float32 file, int8 nine times, and some are too much
for a machine or for one's patience. `--by-blocks`: blocks are alike, so that a network with one of
them and a network with two tell what the others add.
"""

import argparse
import fcntl
import gc
import json
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

from kapps.applications import APPLICATIONS, get, task_of
from kapps.files import atomic_write

OUT = Path(__file__).parents[1] / "docs/tflite.json"
MODES = ("float32", "int8")
BLOCKS = {"sam": (8, 12)}  # where blocks come in quarters: windows, then one that sees all
PROCESS = 8  # conversions of so many applications share a process, then its memory is given back


def measure(name: str, by_blocks: bool) -> dict:
    """What is written of an application."""
    if task_of(name) == "prompting":
        return {f"{mode}_error": "it takes more than an image" for mode in MODES}
    return follow(get(name)) if by_blocks else convert(get(name))


def follow(app) -> dict:
    """An application's figures, from those with few of its blocks and with some more."""
    counts = BLOCKS.get(app.family, (1, 2))
    few, more = (convert(with_blocks(app, count)) for count in counts)
    rest = blocks(app) - counts[0]
    line = {
        what: few[what] + (more[what] - few[what]) * rest // (counts[1] - counts[0])
        for what in (*MODES, "operators")
        if what in few
    }
    return {**few, **line, "blocks": counts}


def blocks(app) -> int:
    """How many blocks it has, of stages the longest."""
    return app.config["depth"] if "depth" in app.config else max(app.config["depths"])


def with_blocks(app, count: int):
    """The application with other than so many."""
    if "depth" in app.config:
        return replace(app, config={**app.config, "depth": count})
    depths = tuple(count if depth == blocks(app) else depth for depth in app.config["depths"])
    return replace(app, config={**app.config, "depths": depths})


def convert(app) -> dict:
    """Convert one application at its default size."""
    import numpy as np

    from kapps.errors import ExportError
    from kapps.export import child, delegates, flatbuffer

    result: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        app(weights=None).save(f"{folder}/model.keras")
        gc.collect()  # the largest leave no room for a conversion
        shape = (1, app.size, app.size, app.channels)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.save(f"{folder}/images.npy", noise)
        for mode in MODES:
            job = {
                "model": f"{folder}/model.keras",
                "out": f"{folder}/{mode}.tflite",
                "format": "litert",
                "quantize": mode,
                "batch_size": 1,
                "size": [app.size, app.size],
                "calibration": f"{folder}/images.npy" if mode == "int8" else None,
            }
            try:
                child.run(job)
            except ExportError as error:
                if "SIGKILL" in str(error):  # the system had no memory left; another time it may
                    raise
                result[f"{mode}_error"] = str(error)
                continue
            contents = flatbuffer.parse(Path(job["out"]).read_bytes())
            result[mode] = contents.bytes
            if mode == "float32":
                result["operators"] = len(contents.operators)
                result["not_on_gpu"] = delegates.report(contents)["gpu"]["left_on_cpu"]
    return result


def read() -> dict[str, dict]:
    """What is measured, by application."""
    return json.loads(OUT.read_text("utf-8")) if OUT.exists() else {}


def add(name: str, facts: dict) -> None:
    """Write one application's line among the others, in the order of the registry."""
    with open(__file__) as turn:  # one process at a time
        fcntl.flock(turn, fcntl.LOCK_EX)
        known = {**read(), name: facts}
        rows = [f'"{n}": {json.dumps(known[n])}' for n in APPLICATIONS if n in known]
        with atomic_write(OUT, "w") as file:
            file.write("{\n" + ",\n".join(rows) + "\n}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="applications")
    parser.add_argument("--all", action="store_true", help="every application")
    parser.add_argument("--by-blocks", action="store_true", help="from networks of few blocks")
    parser.add_argument("--again", action="store_true", help="also those that are measured already")
    options = parser.parse_args()
    names = list(APPLICATIONS) if options.all else options.names
    if not options.again:
        names = [name for name in names if name not in read()]

    import keras

    from kapps.export import child

    for start in range(0, len(names), PROCESS):
        with child.kept():
            for name in names[start : start + PROCESS]:
                try:
                    facts = measure(name, options.by_blocks)
                except Exception:  # of one network, say: the others can still be measured
                    traceback.print_exc()
                    continue
                add(name, facts)
                print(name, facts, flush=True)
                keras.backend.clear_session()
                gc.collect()


if __name__ == "__main__":
    main()
