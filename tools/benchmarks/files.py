"""The ten files of `kapps demo`: made together, and each by an export of its own."""

import tempfile

from tools.benchmarks._measure import Section, alternate, child, ratio, said, seconds

TITLE = "Ten files of two networks"
MODULE = "tools.benchmarks._files"
TURNS = 2
TEXT = """LeNet-5 and EfficientNet-Lite0 at 128x128, trained on digits, as `kapps demo` exports
them: a SavedModel and .tflite files in float32, float16, dynamic_int8 and int8 of each, checked and
compared with Keras on 359 digits that neither was trained on, in a running interpreter with
TensorFlow. Together, one process converts while the other judges the file before, and the files of
a network share its loading and, where the normalisation of the image folds alike, their SavedModel.
Apart, each file is an export of its own. The files are the same. Turns of each way: {turns}."""


def run() -> Section:
    """Both ways in turn, from the same two runs."""
    with tempfile.TemporaryDirectory() as folder:
        child(["-m", MODULE, "runs", folder], KERAS_BACKEND="tensorflow")
        sides = {
            side: lambda side=side: said(["-m", MODULE, side, folder], KERAS_BACKEND="tensorflow")
            for side in ("together", "apart")
        }
        found = alternate(sides, TURNS, unmeasured=0)
    ours, theirs = found["together"], found["apart"]
    rows = [("ten files", seconds(ours), seconds(theirs), ratio(theirs, ours))]
    commands = ["make demo"]
    commands += [f"KERAS_BACKEND=tensorflow python -m {MODULE} {side} FOLDER" for side in sides]
    columns = ("", "together", "apart", "ratio")
    return Section(TITLE, TEXT.format(turns=TURNS).replace("\n", " "), columns, rows, commands)
