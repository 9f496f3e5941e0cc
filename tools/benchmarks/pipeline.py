"""Decode and augment: kapps.data against image_dataset_from_directory and Keras's layers.

As a child, `python -m tools.benchmarks.pipeline kapps none FOLDER` prints images a second.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tools.benchmarks._measure import RESULT, Section, alternate, said

TITLE = "Decoding and augmenting"
SIZE, BATCH, PASSES = 224, 32, 5
PHOTOS = {  # name of the row: width and height, how many, what becomes of decoded pictures
    "500x375, read anew": ((500, 375), 600, "none"),
    "500x375, kept in memory": ((500, 375), 600, "memory"),
    "4000x3000, read anew": ((4000, 3000), 96, "none"),
}
MODULE = "tools.benchmarks.pipeline"


def run() -> Section:
    """Passes over JPEG files of two sizes, random crop and flip to 224x224."""
    rows = []
    for name, (size, count, cache) in PHOTOS.items():
        with tempfile.TemporaryDirectory() as folder:
            write_photos(Path(folder), size, count)
            sides = {
                "kapps": lambda f=folder, c=cache: rate("kapps", c, f),
                "keras": lambda f=folder, c=cache: rate("keras", c, f),
            }
            found = alternate(sides, times=3, unmeasured=0)  # each warms up by itself
        rows.append(
            (
                f"images a second, {name}",
                f"{found['kapps']:.3g}",
                f"{found['keras']:.3g}",
                f"{found['kapps'] / found['keras']:.2f} x",
            )
        )
    text = (
        f"JPEG photos, cropped and flipped at random to {SIZE}x{SIZE}, {BATCH} a batch; the "
        f"fastest of {PASSES} passes after the first, since other work on the machine can only "
        "slow one down. Files are read anew, or kept decoded in memory, as kapps does by itself "
        "where they fit (the peer with `cache()`). kapps cuts a random piece of 25 to 100 % of "
        "the photo and shrinks it antialiased; it decodes a large JPEG at a half, a quarter or an "
        "eighth where the piece allows. Of a small photo's time on a core, simplejpeg's decoding "
        "is about a millisecond and OpenCV's shrinking 0.2 to 0.5; Pillow took 1.5 and 1.6. The "
        "pixels of an evaluation are Pillow's as before. Files are read by 16 threads ahead of "
        "those that decode, one a core; in memory are two batches in the making. The peer is "
        "`image_dataset_from_directory` at 256x256 (bilinear, not antialiased), then `RandomCrop` "
        "and `RandomFlip` in `map`, with prefetching."
    )
    commands = [f"python -m {MODULE} {name} none FOLDER" for name in ("kapps", "keras")]
    return Section(TITLE, text, ("", "kapps.data", "keras", "ratio"), rows, commands)


def rate(side: str, cache: str, folder: str) -> float:
    """Images a second of one side, in a process of its own."""
    return said(["-m", MODULE, side, cache, folder], KERAS_BACKEND="tensorflow")


def write_photos(folder: Path, size: tuple[int, int], count: int) -> None:
    """Two classes of crops from scikit-learn's two photos, enlarged to `size`."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    for name, pixels in zip(("china", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir(parents=True)
        for i in range(count // 2):
            top, left = rng.integers(0, (427 - 375, 640 - 500))
            crop = pixels[top : top + 375, left : left + 500]
            Image.fromarray(crop).resize(size).save(folder / name / f"{i}.jpg", quality=92)


def open_kapps(folder: str, cache: str):
    """Our batches."""
    from kapps.data import load

    return load(
        f"folder:{folder}",
        size=SIZE,
        split="all",
        batch_size=BATCH,
        training=True,
        cache=cache,
        progress=False,
    ).batches


def open_keras(folder: str, cache: str):
    """The batches of the tutorials."""
    import keras
    import tensorflow as tf

    layers = [keras.layers.RandomCrop(SIZE, SIZE), keras.layers.RandomFlip("horizontal")]
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(256, 256), batch_size=BATCH, crop_to_aspect_ratio=True, verbose=False
    )

    if cache == "memory":
        data = data.cache()

    def augment(images, labels):
        for layer in layers:
            images = layer(images, training=True)
        return images, labels

    return data.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def fastest(batches) -> float:
    """Images a second of the fastest pass after the first, which builds and warms the pipeline."""
    speeds = []
    for _ in range(1 + PASSES):
        began, images = time.perf_counter(), 0
        for pixels, _labels in batches:
            images += len(pixels)
        speeds.append(images / (time.perf_counter() - began))
    return max(speeds[1:])


def main() -> None:
    """Print the images a second of one side."""
    side, cache, folder = sys.argv[1:]
    print(f"{RESULT}{fastest({'kapps': open_kapps, 'keras': open_keras}[side](folder, cache)):.1f}")


if __name__ == "__main__":
    main()
