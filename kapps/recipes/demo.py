"""The whole path on real images in a few minutes, with a report.

kapps demo

Classifies two photos with a pretrained EfficientNet-Lite0, trains LeNet-5 on handwritten digits
from scratch, teaches EfficientNet-Lite0 the same digits, exports both in every format and
quantisation mode, runs the files on the LiteRT runtime, and shows it all in OUT/report.html.
"""

import dataclasses
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.errors import SettingsError

DATA = "digits"  # scikit-learn's real handwritten digits, inside the package
MARK = "report.html"
EXPORTS = {
    "saved_model": ("float32",),
    "litert": ("float32", "float16", "dynamic_int8", "int8"),
}
FILES = sum(map(len, EXPORTS.values()))  # of each model
# The digits have 8x8 pixels and only a classifier was trained on them: answers are close calls, and
# the table is there to show what each mode costs. An export for real keeps the stricter default.
MAX_DROP = 5.0
SHOWN = 20  # pictures with their answers in the report, wrong ones first, at most half of them


@dataclass(frozen=True)
class Settings:
    """What `kapps demo` can be told."""

    out: str = setting("runs/demo", "folder of the runs, the bundles and the report")
    epochs: int = setting(12, "of LeNet-5 over the digits")
    epochs_head: int = setting(30, "of EfficientNet-Lite0's new classifier over the features")
    size: int = setting(128, "pixels of EfficientNet-Lite0's input")


def run(settings: Settings) -> dict:
    """Run the demo.

    Returns:
        {"rows": one dict a file, "report": path, "seconds": time}.

    Raises:
        SettingsError: `out` holds something else.
        KappsError: a step failed.
    """
    began = time.perf_counter()
    out = _empty(Path(settings.out))
    import keras

    from kapps.recipes import _report, finetune, train
    from kapps.training.progress import say

    say("1/4  two photos, EfficientNet-Lite0 with its ImageNet weights")
    photos = _photos()
    for photo in photos:
        label, score = photo.predictions[0]
        say(f"     {photo.name}: {label} ({score:.1%})")
    say("2/4  LeNet-5 on handwritten digits, from scratch")
    lenet = train.Settings(
        model="LeNet5", data=DATA, out=str(out / "lenet5"), epochs=settings.epochs
    )
    first = train.run(lenet)
    say("3/4  EfficientNet-Lite0 on the same digits, new classifier only")
    lite = finetune.Settings(
        model="EfficientNetLite0",
        data=DATA,
        out=str(out / "lite0"),
        size=settings.size,
        epochs_head=settings.epochs_head,
        unfreeze="none",
    )
    second = finetune.run(lite)
    say("4/4  export to every format and mode, and run the files")
    rows = exports(out, {"LeNet5": first["run"], "EfficientNetLite0": second["run"]})
    stories = [
        _story("LeNet-5, from scratch", first, "Trained from random weights"),
        _story("EfficientNet-Lite0, new classifier", second, "Only the classifier was trained"),
    ]
    seconds = time.perf_counter() - began
    facts = {
        "LeNet-5 on digits it never saw": _percent(first["best"]["val_accuracy"]),
        "EfficientNet-Lite0 on the same": _percent(second["best"]["val_accuracy"]),
        "smallest file": f"{min(row.megabytes for row in rows):.2f} MB",
        f"on {keras.config.backend()}, all of it": f"{seconds // 60:.0f} min {seconds % 60:.0f} s",
    }
    path = _write(out, _report.render(facts, photos, stories, rows, _environment()))
    _print(rows)
    print(f"done in {seconds:.0f} s; the report is in {path}")
    return {
        "rows": [dataclasses.asdict(row) for row in rows],
        "report": str(path),
        "seconds": seconds,
    }


def _empty(out: Path) -> Path:
    """The folder without what an earlier demo left there."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).exists():
        raise SettingsError(f"{out} holds something else than a demo; give another --out.")
    for name in ("lenet5", "lite0", "bundles"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    # From the first moment this is a demo's folder, also when it is interrupted.
    (out / MARK).write_text("<p>kapps demo is running or was interrupted.</p>\n", "utf-8")
    return out


def _photos() -> list:
    from PIL import Image
    from sklearn.datasets import load_sample_images

    import kapps
    from kapps.recipes._report import Photo

    model = kapps.applications.EfficientNetLite0()
    transform = kapps.create_transform(model)
    labels = kapps.applications.imagenet_utils.class_names()
    names = [label.replace("_", " ") for _, label in labels]
    photos = []
    for name, pixels in zip(("china.jpg", "flower.jpg"), load_sample_images().images, strict=True):
        scores = model.predict(transform(Image.fromarray(pixels))[None], verbose=0)[0]
        best = scores.argsort()[::-1][:5]
        photos.append(Photo(name, pixels, [(names[i], float(scores[i])) for i in best]))
    return photos


def exports(out: Path, runs: dict[str, str]) -> list:
    """Export the runs in every format and mode to `out`/bundles; a row of the table for each."""
    from kapps.export import child
    from kapps.models import sources
    from kapps.training.progress import bar

    rows = []
    with child.kept(), bar("exporting", FILES * len(runs), unit="files") as advance:
        child.begin()
        for model, folder in runs.items():
            trained = sources.resolve(folder)
            for format, modes in EXPORTS.items():
                advance(0, f"{model} {format}")
                rows += _bundles(model, trained, out / "bundles", format, modes)
                advance(len(modes))
    return rows


def _bundles(model: str, trained, out: Path, format: str, modes: tuple[str, ...]) -> list:
    """Rows of the table for one model in one format."""
    import keras

    from kapps import export
    from kapps.recipes._report import Row

    rows = []
    bundles = export.export(
        trained,
        out / f"{trained.name}-{format}",
        format=format,
        quantize=modes,
        calibrate=DATA if "int8" in modes else None,
        data=DATA,
        max_drop=MAX_DROP,
    )
    for mode, bundle in zip(modes, bundles, strict=True):
        found = bundle.report["verification"]
        is_litert = format == "litert"
        rows.append(
            Row(
                model,
                keras.config.backend(),
                f".tflite {mode}" if is_litert else "SavedModel",
                _bytes(bundle.model) / 1e6,
                found["keras_top1"],
                found["exported_top1"] if is_litert else None,
                found["agreement"] if is_litert else None,
                _milliseconds(bundle) if is_litert else None,
            )
        )
    return rows


def _bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _milliseconds(bundle) -> float:
    """The median time of one inference on one thread, after warming up."""
    import numpy as np

    from kapps.export import Runner

    runner = Runner(bundle.model)
    runner.predict(np.zeros(runner.input.shape, "uint8"))
    times = []
    for _ in range(30):
        began = time.perf_counter()
        runner.invoke()
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times[5:]))


def _story(title: str, result: dict, how: str):
    """Curves, confusion matrix and sample answers of a run, on the digits it was not trained on."""
    import numpy as np

    from kapps import data
    from kapps.data.transforms import Transform
    from kapps.recipes._report import Sample, Story
    from kapps.runs import Run

    run = Run.open(result["run"])
    held_out = data.load(
        DATA,
        transform=Transform.from_spec(run.spec),
        channels=run.spec["channels"],
        split="val",
        progress=False,
    )
    model, labels = run.load_model(), run.labels
    images, truth = map(np.concatenate, zip(*held_out, strict=True))
    scores = np.asarray(model.predict(images, batch_size=64, verbose=0))
    answers = scores.argmax(axis=1)
    matrix = np.zeros((len(labels), len(labels)), "int64")
    np.add.at(matrix, (truth, answers), 1)
    wrong = np.flatnonzero(answers != truth)[: SHOWN // 2]
    right = np.flatnonzero(answers == truth)[: SHOWN - len(wrong)]
    history = run.metrics["history"]
    curves = [
        (
            f"{key} by epoch",
            {
                "training": [row[key] for row in history],
                "held out": [row[f"val_{key}"] for row in history],
            },
            key == "accuracy",
        )
        for key in ("loss", "accuracy")
    ]
    text = (
        f"{how} in {result['seconds']:.0f} s, {result['epochs']} epochs; {model.count_params():,} "
        f"parameters. {int((answers == truth).sum())} of {len(truth)} held-out digits are right."
    )
    pixels, best = images.astype("uint8"), scores.max(axis=1)
    samples = [
        Sample(pixels[i], labels[truth[i]], labels[answers[i]], float(best[i]))
        for i in (*wrong, *right)
    ]
    return Story(title, text, curves, matrix, labels, samples)


def _environment() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    import keras

    from kapps.export import litert

    names = ("kapps", "keras", "tensorflow", "numpy")
    return {
        **{name: version(name) for name in names},
        "backend": keras.config.backend(),
        "runtime": litert.runtime(),
        "python": platform.python_version(),
        "on": f"{platform.system()} {platform.machine()}",
    }


def _write(out: Path, page: str) -> Path:
    from kapps.files import atomic_write

    with atomic_write(out / MARK, "w") as file:
        file.write(page)
    return out / MARK


def _print(rows: list) -> None:
    from kapps.recipes import _report, _tables

    titles = [f">{name}" if is_number else name for name, is_number in _report.COLUMNS]
    _tables.print_table(titles, [_report.cells(row) for row in rows])


def _percent(share: float) -> str:
    return f"{share:.1%}"


if __name__ == "__main__":
    sys.exit(main(Settings, run))
