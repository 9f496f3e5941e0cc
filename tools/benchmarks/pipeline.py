"""Decode and augment: kapps.data against image_dataset_from_directory and Keras's layers.

As a child process, `python -m tools.benchmarks.pipeline kapps FOLDER` prints images per second.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tools.benchmarks._measure import RESULT, Section, alternate, said

TITLE = "Decoding and augmenting"
SIZE, BATCH, PHOTOS = 224, 32, 600
MODULE = "tools.benchmarks.pipeline"


def run() -> Section:
    """The second pass over 600 JPEG files of 500x375, random crop and flip to 224x224."""
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder))
        sides = {
            name: lambda n=name: said(["-m", MODULE, n, folder], KERAS_BACKEND="tensorflow")
            for name in ("kapps", "keras")
        }
        found = alternate(sides, times=3)
    rows = [
        (
            "images a second",
            f"{found['kapps']:.0f}",
            f"{found['keras']:.0f}",
            f"{found['kapps'] / found['keras']:.2f} x",
        )
    ]
    text = (
        f"{PHOTOS} JPEG photos of 500x375, decoded, cropped and flipped at random to "
        f"{SIZE}x{SIZE}, batches of {BATCH}; one pass, files read anew. The peer is "
        "`image_dataset_from_directory` at 256x256, then `RandomCrop` and `RandomFlip` in `map`, "
        "with prefetching."
    )
    commands = [f"python -m {MODULE} {name} FOLDER" for name in sides]
    return Section(TITLE, text, ("", "kapps.data", "keras", "ratio"), rows, commands)


def write_photos(folder: Path) -> None:
    """Two classes of crops from scikit-learn's two photos, of the usual size of ImageNet."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir()
        for i in range(PHOTOS // 2):
            top, left = rng.integers(0, (427 - 375, 640 - 500))
            crop = pixels[top : top + 375, left : left + 500]
            Image.fromarray(crop).save(folder / name / f"{i}.jpg", quality=92)


def open_kapps(folder: str):
    """Our batches."""
    from kapps.data import load

    return load(
        f"folder:{folder}",
        size=SIZE,
        split="all",
        batch_size=BATCH,
        training=True,
        cache="none",
        progress=False,
    ).batches


def open_keras(folder: str):
    """The batches of the tutorials."""
    import keras
    import tensorflow as tf

    layers = [keras.layers.RandomCrop(SIZE, SIZE), keras.layers.RandomFlip("horizontal")]
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(256, 256), batch_size=BATCH, crop_to_aspect_ratio=True, verbose=False
    )

    def augment(images, labels):
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    return data.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def main() -> None:
    """Print the images per second of one side over its second pass."""
    side, folder = sys.argv[1:]
    batches = {"kapps": open_kapps, "keras": open_keras}[side](folder)
    for _ in range(2):  # the first pass builds and warms the pipeline
        began, images = time.perf_counter(), 0
        for pixels, _labels in batches:
            images += len(pixels)
        rate = images / (time.perf_counter() - began)
    print(f"{RESULT}{rate:.1f}")


if __name__ == "__main__":
    main()
