"""What the written pages speak of: the small files, and what their reader has before he reads."""

from pathlib import Path

import numpy as np
from PIL import Image

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
