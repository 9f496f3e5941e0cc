"""The child process of a benchmark: one model, alone in memory, timed when it is told to.

Started by `kapps.models.timing` as `python -m kapps.models._bench job.json`. It answers each line
on stdin with a line of JSON on stdout; everything else that libraries print goes to stderr.
"""

import json
import os
import sys
import time
from pathlib import Path

WARM_UP = 3  # first inferences allocate and pick kernels


def main(job_path: str) -> int:
    """Load the model of the job, then serve commands until stdin ends; returns the exit status."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    answers = os.fdopen(os.dup(1), "w")  # stdout proper; descriptor 1 becomes stderr
    os.dup2(2, 1)

    def answer(values: dict) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    from kapps.errors import KappsError

    try:
        infer = prepare(job, answer)
    except (KappsError, ValueError) as error:
        answer({"error": str(error)})
        return 3
    for _ in range(WARM_UP):
        infer()
    for line in sys.stdin:
        count = int(line)
        began = time.perf_counter()
        for _ in range(count):
            infer()
        seconds = time.perf_counter() - began
        answer({"ms": 1000 * seconds / count, "peak": peak_memory()})
    return 0


def prepare(job: dict, answer):
    """Load the model; returns a function of no arguments that runs one inference.

    Memory is first read when the libraries are loaded and the model is not.
    """
    import numpy as np

    if job["kind"] == "keras":
        import keras
        import tensorflow

        from kapps.models import sources

        before = peak_memory()
        own = {name: job[name] for name in ("weights", "arguments") if name in job}
        source = sources.resolve(job["model"], **own)
        shape = source.image_shape
        image = np.random.default_rng(0).integers(0, 256, (1, *shape)).astype("float32")
        image = image.transpose(0, 3, 1, 2) if source.channels_first else image
        facts = {"parameters": source.model.count_params(), "backend": keras.config.backend()}
        answer({"before": before, "name": source.name, "batch": 1, "size": shape, **facts})
        return lambda: source.model.predict_on_batch(image)  # as numpy arrays
    from kapps.export import litert, runners

    if job["kind"] == "litert":
        litert.runtime()
    elif Path(job["model"]).suffix == ".onnx":
        import onnxruntime  # noqa: F401
    else:
        import tensorflow  # noqa: F401
    before = peak_memory()
    runner = runners.open_model(job["model"], job["threads"])
    shape = runner.input.shape if hasattr(runner, "input") else runner.input_shape
    shape = tuple(n or 1 for n in shape)
    image = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    runner.predict(image)
    answer({"before": before, "name": runner.name, "batch": shape[0], "size": shape[1:]})
    if hasattr(runner, "invoke"):
        return runner.invoke  # what the app does again and again; the input is in place
    return lambda: runner.predict(image)


def peak_memory() -> int | None:
    """The most memory this process has had so far, in bytes; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
