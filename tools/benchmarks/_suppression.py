"""Child process: seconds of one suppression; `_suppression.py graph`, `host` or `torchvision`."""

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

COUNT, OBJECTS, KEPT, IOU, TIMES = 20_000, 200, 300, 0.5, 11
PARITY = Path(__file__).parents[3] / "shared" / "parity"  # declares what torchvision lacks here


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Boxes (20000, 4) and scores (20000,): most around objects, the rest anywhere."""
    rng = np.random.default_rng(0)
    objects = np.concatenate(
        [rng.uniform(50, 1200, (OBJECTS, 2)), rng.uniform(20, 200, (OBJECTS, 2))], axis=1
    )
    around = objects[rng.integers(0, OBJECTS, COUNT * 9 // 10)]
    around = around + rng.normal(0, 0.1, around.shape) * around[:, [2, 3, 2, 3]]
    rest = COUNT - len(around)
    anywhere = np.concatenate([rng.uniform(0, 1250, (rest, 2)), rng.uniform(5, 300, (rest, 2))], 1)
    centres = np.concatenate([around, anywhere])
    half = np.maximum(centres[:, 2:], 1) / 2
    boxes = np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1)
    return boxes.astype("float32"), rng.uniform(0.05, 1, COUNT).astype("float32")


def ours(on_host: bool) -> tuple[Callable[[], np.ndarray], bool]:
    """A call that returns the numbers of the boxes kept."""
    from kapps.detection.rules import Suppression

    boxes, scores = scene()
    rule = Suppression(0.0, IOU, KEPT, candidates=None)
    arrays = boxes[None], scores[None, :, None]
    if on_host:
        from kapps.detection.host import suppress_on_host

        return lambda: suppress_on_host(*arrays, rule)["anchors"][0], False
    import keras

    from kapps.layers import NonMaxSuppression

    given = {
        "boxes": keras.Input((COUNT, 4), name="boxes"),
        "scores": keras.Input((COUNT, 1), name="scores"),
    }
    layer = NonMaxSuppression(0.0, IOU, KEPT, candidates=None)
    model = keras.Model(given, layer(given)["anchors"])
    model.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")
    model.make_predict_function()
    feed = {"boxes": arrays[0], "scores": arrays[1]}
    return lambda: model.predict_on_batch(feed)[0], True


def theirs() -> tuple[Callable[[], np.ndarray], bool]:
    """torchvision's, compiled or as shared/parity declares it."""
    import torch

    folder = Path(importlib.util.find_spec("torchvision").origin).parent
    try:
        torch.ops.load_library(folder / "_C.so")
        compiled = True
    except OSError:  # built for another torch
        sys.path.insert(0, str(PARITY))
        importlib.import_module("torchvision_here")
        compiled = False
    import torchvision

    boxes, scores = (torch.from_numpy(x) for x in scene())
    return lambda: torchvision.ops.nms(boxes, scores, IOU)[:KEPT].numpy(), compiled


def main() -> None:
    """Print the median, and whether it is of compiled code."""
    word = sys.argv[1]
    call, compiled = theirs() if word == "torchvision" else ours(word == "host")
    times, kept = [], call()
    for _ in range(TIMES):
        began = time.perf_counter()
        kept = call()
        times.append(time.perf_counter() - began)
    print(f"RESULT {statistics.median(times):.5f} {compiled}")
    print("kept", len(kept), int(np.asarray(kept, "int64").sum()))


if __name__ == "__main__":
    main()
