"""Small pictures that say what is to be learnt from them."""

import csv

import numpy as np
import pytest
from PIL import Image

from tests.training.conftest import digits, make_model, make_spots  # noqa: F401  fixtures

SIZE = 16


@pytest.fixture(scope="session")
def spotted(tmp_path_factory):
    """A csv of 96 pictures with a red, a green, both or no corner, and how bright they are."""
    folder = tmp_path_factory.mktemp("spotted")
    random = np.random.default_rng(0)
    rows = []
    for i in range(96):
        red, green = i % 2, i // 2 % 2
        pixels = random.integers(0, 30, (SIZE, SIZE, 3)) + (bright := int(random.integers(0, 100)))
        pixels[:6, :6, 0] += 120 * red
        pixels[-6:, -6:, 1] += 120 * green
        Image.fromarray(pixels.astype("uint8")).save(folder / f"{i}.png")
        labels = "|".join(name for name, there in (("red", red), ("green", green)) if there)
        rows.append((f"{i}.png", labels, bright / 10))
    for name, column in (("labels", 1), ("bright", 2)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(("path", "labels" if name == "labels" else "brightness"))
            table.writerows((row[0], row[column]) for row in rows)
    return folder
