"""From the pipeline to the step: `engine.fit` against the barest loop of each backend."""

import tempfile
from pathlib import Path

from tools.benchmarks import pipeline
from tools.benchmarks._measure import RESULT, Section, child

TITLE = "From the pictures to the step"
MODULE = "tools.benchmarks._handover"
BACKENDS = ("tensorflow", "jax", "torch")
TEXT = """Milliseconds of a step on 32 pictures of 224x224, cut and flipped at random from photos of
500x375 in memory. The network is nearly empty, so this is what it takes to get a batch and hand it
over: making the batches alone; the barest training loop over the same batches in the backend's own
words; `kapps train`, which is Keras's `fit` with its metrics and callbacks. Both cores make
pictures, so on a CPU all that the loop itself computes is added; a GPU has the next batch ahead
(tf.data, Keras's look-ahead on JAX, pinned memory and copies that do not wait on torch).

What the rest is on torch, by profile of `fit` over batches that are ready: of 23 ms a step under
the profiler, 13 are the pooling of this test network, for which Keras copies the images to the
other layout, 2 their way from uint8 to float32, the others Keras's own work in Python for a step,
which does not grow with the images. The convolutions and maximum poolings of kapps make no such
copy."""


def run() -> Section:
    """One child for each backend."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        pipeline.write_photos(Path(folder), (500, 375), 384)
        for backend in BACKENDS:
            lines = child(["-m", MODULE, folder], KERAS_BACKEND=backend).stdout.splitlines()
            line = next(line for line in lines if line.startswith(RESULT))
            numbers = [float(word) for word in line[len(RESULT) :].split()]
            alone, bare, fit = (f"{number:.1f}" for number in numbers)
            rows.append((backend, alone, bare, fit, f"{numbers[1] / numbers[2]:.2f} x"))
    columns = ("backend", "pictures alone", "barest loop", "kapps train", "ratio")
    paragraphs = "\n\n".join(part.replace("\n", " ") for part in TEXT.split("\n\n"))
    commands = [f"KERAS_BACKEND=torch python -m {MODULE} FOLDER"]
    return Section(TITLE, paragraphs, columns, rows, commands)
