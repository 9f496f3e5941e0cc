"""LeNet-5 from scratch, on scikit-learn's digits and on Fashion-MNIST."""

import gzip
import os
from pathlib import Path

import numpy as np

from tools.results.experiment import Experiment, reached
from tools.results.measuring import Place

FASHION = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
FOLDS = 5


def _digits(place: Place, fold: int) -> dict:
    """Train on four fifths of the digits and judge by the fifth number `fold`."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype("uint8")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    parts = list(folds.split(images, digits.target))[fold]
    for name, rows in zip(("train", "test"), parts, strict=True):
        path = place.data / f"digits_{name}{fold}.npz"
        np.savez(path, images=images[rows], labels=digits.target[rows])
    words = (f"data=npz:data/digits_train{fold}.npz", f"val=npz:data/digits_test{fold}.npz")
    run = f"lenet5_digits/{fold}"
    cost = place.trained("train", run, "--config", "lenet5_digits", *words)
    return {"accuracy": place.history(run)[-1]["val_accuracy"], **cost}


def clothes(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The pictures and labels of Fashion-MNIST.

    Args:
        part: "train", of 60,000, or "t10k", the 10,000 to test with.

    Returns:
        uint8 of shapes (N, 28, 28) and (N,), labels 0 to 9.

    Raises:
        FileNotFoundError: Debian's package is not installed, and `FASHION_MNIST` says nothing else.
    """

    def read(name: str, skip: int) -> np.ndarray:
        with gzip.open(FASHION / f"{name}.gz") as file:
            return np.frombuffer(file.read(), "uint8", offset=skip)

    images = read(f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    return images, read(f"{part}-labels-idx1-ubyte", 8)


def _fashion(place: Place, seed: int) -> dict:
    """60,000 pictures of clothes to train on, 10,000 to judge by."""
    for part, name in (("train", "train"), ("t10k", "test")):
        images, labels = clothes(part)
        np.savez(place.data / f"fashion_{name}.npz", images=images, labels=labels)
    words = ("data=npz:data/fashion_train.npz", "validation=0", f"seed={seed}")
    run = f"lenet5_fashion_mnist/{seed}"
    cost = place.trained("train", run, "--config", "lenet5_fashion_mnist", *words)
    judged = ("--data", "npz:data/fashion_test.npz")
    found = {"accuracy": place.accuracy(run, *judged)}
    return {**found, "flipped": place.accuracy(run, *judged, "--tta", "flip"), **cost}


DIGITS = Experiment(
    title="LeNet-5 on scikit-learn's digits",
    about="Five folds of the 1,797 digits: each fifth is judged by a network that never saw it, "
    "after its last epoch.",
    parts={"LeNet-5": _digits},
    verdict=lambda m: reached("Mean of the folds", m["LeNet-5"]["accuracy"], 0.99),
    counted="fold",
)
FASHION_MNIST = Experiment(
    title="LeNet-5 on Fashion-MNIST",
    about="60,000 pictures of clothes to train on, 10,000 to judge by after the last epoch. The "
    "data are Debian's package `dataset-fashion-mnist`; the tool makes the two npz of its files.",
    parts={"LeNet-5": _fashion},
    verdict=lambda m: reached("Mean of the seeds", m["LeNet-5"]["accuracy"], 0.90),
)
