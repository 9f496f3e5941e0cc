"""The blocks of code of the written pages, and the small files that they speak of."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"^(?:<!-- test: (?P<mark>.*?) -->\n)?"
    r"(?P<fence>```+)(?P<words>[^\n]*)\n(?P<code>.*?)^(?P=fence)$",
    re.M | re.S,
)
COMMAND = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*kapps ")


BEFORE = {  # page -> what it says that its reader has
    "explain.md": """
import keras
import numpy as np
import kapps
keras.utils.set_random_seed(1)  # with it something speaks for class 3
model = kapps.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=5)
images, labels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)), np.array([0, 3])
""",
}


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        page, line: where it begins.
        language: as its fence says; "" where that says nothing.
        mark: of the comment above it: "sweep" is run by `make test-all` alone, "no, ..." never, for
            the reason it gives.
    """

    page: Path
    line: int
    language: str
    code: str
    mark: str


def written() -> list[Path]:
    """The pages that people wrote."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if page.parent.name != "families"]


def blocks(page: Path) -> list[Block]:
    """Every block of a page, from the top."""
    text = page.read_text("utf-8")
    return [
        Block(
            page, text.count("\n", 0, m.start()) + 1, m["words"].strip(), m["code"], m["mark"] or ""
        )
        for m in FENCE.finditer(text)
    ]


def commands(text: str) -> list[list[str]]:
    """The words of each `kapps ...` line of a shell block, without comments."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line.strip() for line in joined.splitlines()]
    found = [
        shlex.split(COMMAND.sub("", line), comments=True) for line in lines if COMMAND.match(line)
    ]
    return [words for words in found if "..." not in words]


def make_files(folder: Path) -> None:
    """What the pages call photos, cells and cat.jpg, as small as it can be."""
    random = np.random.default_rng(0)

    def picture(path: Path, size: int = 40) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (size, size, 3), "uint8")).save(path)

    for name in ("cat.jpg", "photo.jpg", "new.jpg"):
        picture(folder / name, 64)
    for name in ("daisy", "rose", "tulip", "lily", "aster"):
        for number in range(9):
            picture(folder / "photos" / name / f"{number}.jpg")
    for number in range(150):  # a fifth is for judging
        picture(folder / "more" / f"{number}.jpg", 16)
    for data in ("cells", "blood_cells"):
        for number in range(6):
            picture(folder / data / "JPEGImages" / f"{number}.jpg", 64)
            note = folder / data / "Annotations" / f"{number}.xml"
            note.parent.mkdir(exist_ok=True)
            note.write_text(VOC.format(number=number), "utf-8")


VOC = """<annotation><filename>{number}.jpg</filename>
<size><width>64</width><height>64</height><depth>3</depth></size>
<object><name>RBC</name><difficult>0</difficult>
<bndbox><xmin>8</xmin><ymin>8</ymin><xmax>32</xmax><ymax>40</ymax></bndbox></object></annotation>
"""
