"""A network and data small enough for a training step to be a test."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = 3


class Spots:
    """Pictures of 8x8 with a bright corner that says the class: something that can be learnt."""

    batch_size, steps = 8, 5

    def __init__(self, seed: int = 0, mixed: bool = False):
        self.seed, self.mixed = seed, mixed
        self.epochs_asked: list[int] = []

    def epoch(self, number: int):
        self.epochs_asked.append(number)
        random = np.random.default_rng((self.seed, number))
        for _ in range(self.steps):
            images, labels = self.batch(random, self.batch_size)
            yield images, np.eye(CLASSES, dtype="float32")[labels] if self.mixed else labels

    def __iter__(self):
        random = np.random.default_rng(1_000 + self.seed)
        for size in (self.batch_size, self.batch_size, 3):
            yield self.batch(random, size)

    @staticmethod
    def batch(random, size: int):
        labels = random.integers(0, CLASSES, size).astype("int32")
        images = random.integers(0, 100, (size, 8, 8, 3)).astype("uint8")
        for image, label in zip(images, labels, strict=True):
            image[:4, :4, label] = 255
        return images, labels


@pytest.fixture
def spots():
    return Spots()


@pytest.fixture
def make_spots():
    return Spots


@pytest.fixture
def make_model():
    """A flat functional model with what matters here: BatchNorm, Dropout, a Dense at the end."""
    import keras

    from kapps.layers.preprocessing import PREPROCESSING, normalize

    def make(dropout: float = 0.3, activation: str | None = "softmax", classes: int = CLASSES):
        keras.utils.set_random_seed(0)
        spec = {"application": "Tiny", "size": 8, "crop_pct": 1.0, "interpolation": "bilinear"}
        image = keras.Input((8, 8, 3), name="image")
        x = normalize(image, PREPROCESSING["unit"], "channels_last", spec)
        for stage, filters in enumerate((4, 8), 1):
            x = keras.layers.Conv2D(filters, 3, name=f"stage{stage}_conv")(x)
            x = keras.layers.BatchNormalization(name=f"stage{stage}_norm")(x)
            x = keras.layers.ReLU(name=f"stage{stage}_act")(x)
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = keras.layers.Dropout(dropout, name="head_dropout")(x)
        x = keras.layers.Dense(classes, activation, dtype="float32", name="predictions")(x)
        return keras.Model(image, x, name="tiny")

    return make


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A few real digits as a file, so that an epoch of a child process takes no time."""
    from sklearn.datasets import load_digits

    data = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    images = np.rint(data.images[:160] * (255 / 16)).astype("uint8")
    np.savez(path, images=images, labels=data.target[:160])
    return path


def photos(folder: Path, classes: tuple[str, ...]) -> Path:
    """Eleven small pictures a class; those of a later class are brighter."""
    random = np.random.default_rng(0)
    for i, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for j in range(11):
            pixels = random.integers(0, 128, (32, 32, 3)) + 127 * i
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{j}.png")
    return folder
