"""ViT-Ti that knows five classes of Fashion-MNIST learns the five others, in three ways."""

import numpy as np

from tools.results.experiment import Experiment, Means, pace
from tools.results.lenet import clothes
from tools.results.measuring import Place

NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat")
NAMES += ("sandal", "shirt", "sneaker", "bag", "boot")
SIZE = "size=48"  # nine patches and a class token
EACH = 400  # pictures of a class to fine-tune on
PRETRAINED = "lora/pretrained-0"


def _classes(place: Place, name: str, first: int, most: int | None = None) -> str:
    """Leave five classes from the `first` one, at most so many pictures of each to train on."""
    arrays = {"class_names": NAMES[first : first + 5]}
    for part, end, each in (("train", "train", most), ("t10k", "test", None)):
        images, labels = clothes(part)
        classes = [np.flatnonzero(labels == first + i)[:each] for i in range(5)]
        rows = np.sort(np.concatenate(classes))
        arrays |= {f"x_{end}": images[rows], f"y_{end}": labels[rows] - first}
    np.savez(place.data / f"{name}.npz", **arrays)
    return f"data=npz:data/{name}.npz"


def _pretrained(place: Place, seed: int) -> dict:
    words = ("model=ViTTiny16", _classes(place, "clothes_0to4", 0), "validation=0", SIZE)
    learning = ("epochs=8", "batch_size=64", "warmup_epochs=1", "augment=crop:0.7+flip")
    run = f"lora/pretrained-{seed}"
    cost = place.trained("train", run, *words, *learning, f"seed={seed}")
    return {"accuracy": place.accuracy(run, "--split", "test"), **cost}


def _adapted(place: Place, seed: int, name: str, *words: str) -> dict:
    """One preset of the same name."""
    if not (place.path / PRETRAINED).is_dir():
        raise FileNotFoundError(f"{place.path / PRETRAINED} is not there; measure pretrained first")
    run = f"lora/{name}-{seed}"
    model = ("--config", name, f"model={PRETRAINED}")
    given = (*model, _classes(place, "clothes_5to9", 5, EACH), "validation=0", SIZE)
    mild = "augment=crop:0.7+flip"
    cost = place.trained("finetune", run, *given, mild, *words, f"seed={seed}")
    size = (place.path / run / "last.keras").stat().st_size
    return {"accuracy": place.accuracy(run, "--split", "test"), **cost, "bytes": size}


def _comparing(m: Means) -> str:
    if not {"head", "full", "lora"} <= set(m):
        return ""
    gain = 100 * (m["lora"]["accuracy"] - m["head"]["accuracy"])
    behind = 100 * (m["full"]["accuracy"] - m["lora"]["accuracy"])
    share = m["lora"]["trained"] / m["full"]["trained"]
    time = pace(m, "lora", "full")
    return (
        f"LoRA trains {share:.1%} of what full training does{time}, and is "
        f"{gain:+.2f} points above the head alone and {behind:+.2f} below full training. "
        "The file is as large as any: kapps saves the kernels with the change in them."
    )


ADAPTED = Experiment(
    title="LoRA on ViT-Ti",
    about="No published ViT weights can be had here, so this is not what LoRA gives on ImageNet "
    "weights: ViT-Ti first learns the first five classes of Fashion-MNIST, 30,000 pictures, from "
    "random weights (first row), then the five others from 400 pictures of each, with each way of "
    "fine-tuning. Each row is judged by the 5,000 test pictures of its classes.",
    parts={
        "pretrained": _pretrained,
        "head": lambda place, seed: _adapted(place, seed, "head"),
        "full": lambda place, seed: _adapted(place, seed, "full", "epochs_head=10", "epochs=10"),
        "lora": lambda place, seed: _adapted(place, seed, "lora", "epochs_head=10", "epochs=10"),
    },
    verdict=_comparing,
)
