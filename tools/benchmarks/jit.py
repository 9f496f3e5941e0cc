"""`jit_compile` of the training step, on and off, on each backend."""

from tools.benchmarks._measure import RESULT, Section, child

TITLE = "Compiling the step"
MODULE = "tools.benchmarks._jit"
BACKENDS = ("tensorflow", "jax", "torch")
TEXT = """A training step of MobileNetV2 on 16 images of 96x96 (AdamW, cross entropy) on the CPU, as
`kapps train --jit-compile false` and `true` make it: seconds of the first step, which compiles, and
milliseconds of the later ones (median of 6). `auto`, the default, is `true` on JAX, `false` on
torch, where `true` is `torch.compile`, and `false` on TensorFlow unless a GPU does the work.
`torch.compile` works through the whole step, optimiser included, which takes minutes here: `kapps
train` says so before it begins."""


def run() -> Section:
    """A child for each backend and setting."""
    rows = []
    for backend in BACKENDS:
        cells = []
        for said in ("false", "true"):
            try:
                lines = child(["-m", MODULE, said], KERAS_BACKEND=backend).stdout.splitlines()
            except RuntimeError as error:
                cells += ["fails", str(error).splitlines()[-1][-80:]]
                continue
            line = next(line for line in lines if line.startswith(RESULT))
            first, later = (float(word) for word in line[len(RESULT) :].split())
            cells += [f"{first:.1f} s", f"{1000 * later:.0f} ms"]
        rows.append((backend, *cells))
    columns = ("backend", "false: first", "later", "true: first", "later")
    commands = [f"KERAS_BACKEND=torch python -m {MODULE} true"]
    return Section(TITLE, TEXT.replace("\n", " "), columns, rows, commands)
