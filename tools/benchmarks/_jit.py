"""Child process: seconds of the first and of a later training step; `_jit.py true`."""

import statistics
import sys
import time

import numpy as np

from tools.benchmarks._measure import RESULT

SIZE, BATCH, TIMES = 96, 16, 6


def main() -> None:
    """Compile as `kapps train` does, and step."""
    import kapps
    from kapps.tasks.classification import Classification
    from kapps.training import engine

    shape = (SIZE, SIZE, 3)
    model = kapps.applications.MobileNetV2(weights=None, input_shape=shape, classes=BATCH)
    engine.compile_for(
        model, engine.Plan("train", 1, 1e-3, jit_compile=sys.argv[1]), 100, Classification()
    )
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (BATCH, *shape), dtype="uint8"), np.arange(BATCH)
    times = []
    for _ in range(2 + TIMES):
        began = time.perf_counter()
        model.train_on_batch(x, y)
        times.append(time.perf_counter() - began)
    print(RESULT, f"{times[0]:.3f} {statistics.median(times[2:]):.4f}")


if __name__ == "__main__":
    main()
