"""Run the small experiments of docs/results.md and write what they gave.

    python -m tools.results [EXPERIMENT ...]

Every experiment is `kapps train` or `kapps finetune` as a user runs it, over several seeds. Data
that is not in a package is looked for where the constants say; an experiment without its data is
left out and keeps its section.
"""

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "results.md"
FASHION = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
HEAD = """# Results

Written by `python -m tools.results`: small experiments that anyone can run on a laptop, with the
command behind each figure. Spread is over the seeds or folds named.
"""


def run(job: str, *words: str) -> tuple[dict, float]:
    """metrics.json of one training, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        command = [sys.executable, "-m", "kapps", job, *words, "--out", out, "--no-tensorboard"]
        began = time.perf_counter()
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        return json.loads(Path(out, "metrics.json").read_text()), time.perf_counter() - began


def spread(values: list[float]) -> str:
    """Mean and range of shares, in percent."""
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.2%} ({low:.2%} to {high:.2%})"


def lenet5_digits() -> str:
    """Five folds of scikit-learn's digits: each fifth is judged by a network that never saw it."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype("uint8")
    found, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        folds = StratifiedKFold(5, shuffle=True, random_state=0).split(images, digits.target)
        for fold, parts in enumerate(folds):
            for name, rows in zip(("train", "val"), parts, strict=True):
                path = f"{folder}/{name}{fold}.npz"
                np.savez(path, images=images[rows], labels=digits.target[rows])
            words = (f"data=npz:{folder}/train{fold}.npz", f"val=npz:{folder}/val{fold}.npz")
            metrics, took = run("train", "--config", "lenet5_digits", *words, "augment=digits")
            found.append(metrics["history"][-1]["val_accuracy"])
            seconds.append(took)
    return (
        "## LeNet-5 on scikit-learn's digits\n\nAccuracy after the last of 30 epochs, mean of five "
        f"folds (lowest to highest): **{spread(found)}**, {statistics.mean(seconds):.0f} s a fold."
        "\n\n    kapps train --config lenet5_digits --augment digits  (on each fold)\n"
    )


def lenet5_fashion_mnist() -> str:
    """60,000 pictures of clothes to train on, 10,000 to judge by."""

    def read(name: str, skip: int) -> np.ndarray:
        with gzip.open(FASHION / f"{name}.gz") as file:
            return np.frombuffer(file.read(), "uint8", offset=skip)

    found, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for part, name in (("train", "train"), ("t10k", "test")):
            images = read(f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28)
            labels = read(f"{part}-labels-idx1-ubyte", 8)
            np.savez(f"{folder}/{name}.npz", images=images, labels=labels)
        words = (f"data=npz:{folder}/train.npz", f"val=npz:{folder}/test.npz")
        for seed in range(3):
            given = ("--config", "lenet5_fashion_mnist", *words, f"seed={seed}")
            metrics, took = run("train", *given)
            found.append(metrics["history"][-1]["val_accuracy"])
            seconds.append(took)
    return (
        "## LeNet-5 on Fashion-MNIST\n\nAccuracy on the 10,000 test pictures after the last epoch, "
        f"mean of three seeds (lowest to highest): **{spread(found)}**, "
        f"{statistics.mean(seconds):.0f} s each.\n\n"
        "    apt install dataset-fashion-mnist\n"
        "    kapps train --config lenet5_fashion_mnist  (with the files as npz)\n"
    )


EXPERIMENTS = {"lenet5_digits": lenet5_digits, "lenet5_fashion_mnist": lenet5_fashion_mnist}


def main() -> int:
    """Run the experiments named, all by default, and put their sections into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", nargs="*", choices=[*EXPERIMENTS, []])
    page = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
    sections = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", page, re.DOTALL))
    for name in parser.parse_args().experiments or EXPERIMENTS:
        try:
            sections[name] = EXPERIMENTS[name]()
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        print(sections[name])
    body = [f"<!-- {n} -->\n{sections[n]}\n<!-- end -->" for n in EXPERIMENTS if n in sections]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), *body]) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
