"""Child process of `files`: train the two networks of `kapps demo`, or export them.

`_files.py runs FOLDER` trains, `_files.py together FOLDER` and `_files.py apart FOLDER` export and
print the seconds that it took.
"""

import sys
import tempfile
import time
from pathlib import Path

from tools.benchmarks._measure import RESULT

SIZE = 128


def train(folder: Path) -> None:
    """Two runs that know a little: how well is not measured here."""
    from kapps.recipes import demo, finetune, train

    train.run(train.Settings(model="LeNet5", data=demo.DATA, out=str(folder / "LeNet5"), epochs=4))
    finetune.run(
        finetune.Settings(
            model="EfficientNetLite0",
            data=demo.DATA,
            out=str(folder / "EfficientNetLite0"),
            size=SIZE,
            epochs_head=4,
            unfreeze="none",
        )
    )


def together(runs: dict[str, str], out: Path) -> None:
    """As `kapps demo` makes them."""
    from kapps.recipes import demo

    demo.exports(out, runs)


def apart(runs: dict[str, str], out: Path) -> None:
    """Each by an export of its own, with a conversion process of its own."""
    from kapps.export import export
    from kapps.recipes import demo

    for name, run in runs.items():
        for form, modes in demo.EXPORTS.items():
            for mode in modes:
                bundle = out / f"{name}-{form}-{mode}"
                export(run, bundle, format=form, quantize=mode, max_drop=demo.MAX_DROP)


def main() -> None:
    """Do what the command line says."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "runs":
        train(folder)
        return
    import keras

    keras.ops.convert_to_tensor(0.0)  # the backend is awake
    runs = {name: str(folder / name) for name in ("LeNet5", "EfficientNetLite0")}
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        (together if what == "together" else apart)(runs, Path(out))
        print(f"{RESULT}{time.perf_counter() - began:.4f}")


if __name__ == "__main__":
    main()
