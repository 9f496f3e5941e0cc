"""Suppression of 20,000 boxes against torchvision's, in one process each."""

import importlib.util
import os
import sys

from tools.benchmarks._measure import RESULT, Section, child, ratio, seconds

TITLE = "Suppression of 20,000 boxes"
MODULE = "tools.benchmarks._suppression"
SIDES = {  # what a row is called: (words of the child, backend)
    "kapps, TensorFlow": ("graph", "tensorflow"),
    "kapps, JAX": ("graph", "jax"),
    "kapps, torch": ("graph", "torch"),
    "kapps, numpy": ("host", "numpy"),
}
TEXT = """Boxes of one image and one class, 300 detections at an overlap of 0.5, none cut off
before: 18,000 boxes around 200 objects and 2,000 anywhere. Medians of 11 calls on the CPU, compiled
where the backend compiles. torchvision's `nms` gives all that are kept and is cut off at 300;
`KAPPS_REFERENCE` names an interpreter that has it. {which}"""


def run() -> Section:
    """A child for each backend, and one for torchvision where an interpreter has it."""
    times = {name: _time(*words) for name, words in SIDES.items()}
    reference = os.environ.get("KAPPS_REFERENCE")
    if reference is None and importlib.util.find_spec("torchvision"):
        reference = sys.executable
    theirs, which = None, "torchvision was not at hand."
    if reference:
        theirs, compiled = _time("torchvision", "torch", reference)
        word = "compiled" if compiled else "declared in Python, see `shared/parity`"
        which = f"Here it was {word}."
    rows = [
        (name, seconds(value), ratio(theirs, value) if theirs else "")
        for name, (value, _) in times.items()
    ]
    if theirs:
        rows.append(("torchvision", seconds(theirs), ""))
    commands = [f"KERAS_BACKEND=jax python -m {MODULE} graph"]
    text = TEXT.format(which=which).replace("\n", " ")
    return Section(TITLE, text, ("", "one image", "torchvision / kapps"), rows, commands)


def _time(words: str, backend: str, python: str = sys.executable) -> tuple[float, bool]:
    """(seconds, whether what was measured is compiled)."""
    done = child(["-m", MODULE, words], python=python, KERAS_BACKEND=backend)
    line = next(line for line in done.stdout.splitlines() if line.startswith(RESULT))
    value, compiled = line[len(RESULT) :].split()
    return float(value), compiled == "True"
