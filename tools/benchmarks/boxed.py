"""Reading photos with boxes and masks against the same photos with classes alone.

As a child, `python -m tools.benchmarks.boxed ADDRESS AUGMENT` prints images a second.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from tools.benchmarks._measure import RESULT, Section, alternate, said
from tools.benchmarks.pipeline import BATCH, SIZE, fastest, write_photos

TITLE = "Reading photos with boxes"
MODULE = "tools.benchmarks.boxed"
COUNT, BOXES = 600, 8  # photos, and boxes in each
SIDES = {  # what a row is called: kind of address, augmentation
    "classes": ("folder", "default"),
    "boxes": ("voc", "default"),
    "boxes, `ssd+flip`": ("voc", "ssd+flip"),
    "boxes, `mosaic+flip`": ("voc", "mosaic+flip"),
}
TEXT = """The 500x375 photos of above, read anew and cut to {size}x{size}, {batch} a batch: with
their class, and with {boxes} boxes each as VOC has them. The fastest of several passes. `ssd` looks
for a piece by its overlap with boxes and puts half of the photos on a larger background, `mosaic`
decodes four photos for each picture."""


def run() -> Section:
    """All sides in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photos(folder / "photos", (500, 375), COUNT)
        annotate(folder)
        where = {"folder": f"folder:{folder}/photos", "voc": f"voc:{folder}/voc"}
        sides = {
            side: lambda words=(where[kind], augment): said(
                ["-m", MODULE, *words], KERAS_BACKEND="tensorflow"
            )
            for side, (kind, augment) in SIDES.items()
        }
        found = alternate(sides, times=3, unmeasured=0)
    rows = [
        (side, f"{value:.3g}", f"{value / found['classes']:.2f} x") for side, value in found.items()
    ]
    text = TEXT.format(size=SIZE, batch=BATCH, boxes=BOXES).replace("\n", " ")
    return Section(TITLE, text, ("photos with", "images a second", "of those with classes"), rows)


def annotate(folder: Path) -> None:
    """The same photos as a data set of VOC."""
    rng = np.random.default_rng(0)
    voc = folder / "voc"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (voc / part).mkdir(parents=True)
    names = []
    for photo in sorted((folder / "photos").glob("*/*.jpg")):
        name = f"{photo.parent.name}{photo.stem}"
        (voc / "JPEGImages" / f"{name}.jpg").hardlink_to(photo)
        objects = ""
        for left, top in rng.uniform(1, (400, 280), (BOXES, 2)).astype(int):
            right, bottom = (left, top) + rng.integers(20, 90, 2)
            objects += (
                f"<object><name>thing</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
                f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
            )
        text = f"<annotation><size><width>500</width><height>375</height></size>{objects}"
        (voc / "Annotations" / f"{name}.xml").write_text(f"{text}</annotation>")
        names.append(name)
    (voc / "ImageSets/Main/train.txt").write_text("\n".join(names) + "\n")


def main() -> None:
    """Print the images a second of one side, in its fastest pass after the first."""
    from kapps.data import load

    address, augment = sys.argv[1:]
    data = load(
        address, size=SIZE, split="all", batch_size=BATCH, training=True, augment=augment,
        annotation="boxes" if address.startswith("voc:") else "class", cache="none", progress=False,
    )  # fmt: skip
    print(f"{RESULT}{fastest(data.batches):.1f}")


if __name__ == "__main__":
    main()
