"""Measure the .tflite files of applications: `python -m tools.measure_tflite NAME ...`.

Writes docs/tflite.json, one application after another, so that it can be stopped and gone on with:
bytes in float32 and int8 (or the error of the conversion), operators of the float32 file and those
that a GPU leaves to the CPU. Weights are random, which changes neither. Each application has a
process of its own. `--all` takes every application, `--again` those that are measured already.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kapps.applications import APPLICATIONS
from kapps.files import atomic_write

OUT = Path(__file__).parents[1] / "docs/tflite.json"
MODES = ("float32", "int8")


def measure(name: str) -> dict:
    """Convert one application at its default size; printed by the child process."""
    import numpy as np

    import kapps
    from kapps.errors import ExportError
    from kapps.export import child, delegates, flatbuffer

    app = kapps.applications.get(name)
    model = app(weights=None)
    result: dict = {}
    with tempfile.TemporaryDirectory() as folder, child.kept():
        model.save(f"{folder}/model.keras")
        shape = (8, app.size, app.size, app.channels)
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
                result[f"{mode}_error"] = str(error)
                continue
            contents = flatbuffer.parse(Path(job["out"]).read_bytes())
            result[mode] = contents.bytes
            if mode == "float32":
                result["operators"] = len(contents.operators)
                result["not_on_gpu"] = delegates.report(contents)["gpu"]["left_on_cpu"]
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="applications")
    parser.add_argument("--all", action="store_true", help="every application")
    parser.add_argument("--again", action="store_true", help="also those that are measured already")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return 0
    known = json.loads(OUT.read_text("utf-8")) if OUT.exists() else {}
    for name in APPLICATIONS if options.all else options.names:
        if name in known and not options.again:
            continue
        command = [sys.executable, "-m", "tools.measure_tflite", "--one", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name}: the process ended with {done.returncode}", file=sys.stderr)
            continue
        known[name] = json.loads(done.stdout.splitlines()[-1])
        rows = [f'"{n}": {json.dumps(known[n])}' for n in APPLICATIONS if n in known]
        with atomic_write(OUT, "w") as file:
            file.write("{\n" + ",\n".join(rows) + "\n}\n")
        print(name, known[name], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
