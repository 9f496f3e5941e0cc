"""The .tflite of MobileNetV2: kapps export against Keras's own `model.export`.

As a child process, `python -m tools.benchmarks.export kapps FILE` writes one side's file.
"""

import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from tools.benchmarks._measure import Section, child, ratio, seconds

TITLE = "MobileNetV2 as .tflite"
MODULE = "tools.benchmarks.export"
ROUNDS, TURNS, RUNS = 5, 5, 10


def run() -> Section:
    """Both float32 files, random weights, batch 1, one thread; runs in alternation."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.tflite" for name in ("kapps", "keras")}
        for name, path in files.items():
            child(["-m", MODULE, name, str(path)], KERAS_BACKEND="tensorflow")
        sizes = {name: model_bytes(path) for name, path in files.items()}
        labels = files["kapps"].stat().st_size - sizes["kapps"]
        times = latencies(files)
    rows = [
        (
            "size of the model",
            f"{sizes['kapps'] / 1e6:.3f} MB",
            f"{sizes['keras'] / 1e6:.3f} MB",
            ratio(sizes["keras"], sizes["kapps"]),
        ),
        (
            "one image",
            seconds(times["kapps"]),
            seconds(times["keras"]),
            ratio(times["keras"], times["kapps"]),
        ),
    ]
    text = (
        "float32, 224x224, batch 1, one thread of LiteRT with XNNPACK. The file of kapps takes RGB "
        "in 0..255 and normalises it, and packs the 1000 labels behind the model "
        f"({labels / 1e3:.0f} kB, not counted); that of Keras expects the app to do both. "
        "Keras's own export leaves the batch open, so it was resized to 1."
    )
    commands = [f"KERAS_BACKEND=tensorflow python -m {MODULE} {name} FILE" for name in files]
    return Section(TITLE, text, ("", "kapps", "keras", "ratio"), rows, commands)


def model_bytes(path: Path) -> int:
    """The size of the model alone, without the archive of labels that may follow it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return min(info.header_offset for info in archive.infolist())
    except zipfile.BadZipFile:
        return path.stat().st_size


def latencies(files: dict[str, Path]) -> dict[str, float]:
    """Median seconds of one inference each, in alternating groups."""
    found: dict[str, list[float]] = {name: [] for name in files}
    # Which interpreter is made first decides a few per cent, by where its memory lies.
    for names in (list(files), list(files)[::-1]) * ROUNDS:
        interpreters = {name: interpreter(files[name]) for name in names}
        for _ in range(TURNS):
            for name, one in interpreters.items():
                began = time.perf_counter()
                for _ in range(RUNS):
                    one.invoke()
                found[name].append((time.perf_counter() - began) / RUNS)
    return {name: statistics.median(values) for name, values in found.items()}


def interpreter(path: Path):
    """LiteRT with a picture in it, after a first run."""
    from ai_edge_litert.interpreter import Interpreter

    one = Interpreter(model_path=str(path), num_threads=1)
    details = one.get_input_details()[0]
    one.resize_tensor_input(details["index"], (1, 224, 224, 3))
    one.allocate_tensors()
    image = np.random.default_rng(0).uniform(0, 1, (1, 224, 224, 3))
    one.set_tensor(details["index"], image.astype(details["dtype"]))
    one.invoke()
    return one


def main() -> None:
    """Write the file of one side."""
    side, path = sys.argv[1:]
    import keras

    keras.utils.set_random_seed(0)
    if side == "keras":
        keras.applications.MobileNetV2(weights=None).export(path, format="litert")
        return
    import kapps
    from kapps.export import export

    model = kapps.applications.MobileNetV2(weights=None)
    bundle = export(model, Path(path).with_suffix(""), format="litert")
    shutil.copy(bundle.model, path)


if __name__ == "__main__":
    main()
