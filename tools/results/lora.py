"""ViT-Ti that knows the even digits of sign language learns the odd ones, in three ways."""

import shutil

from tools.results.experiment import Experiment, Means, pace
from tools.results.measuring import SHARED, Place

SIZE = "size=64"  # 16 patches and a class token
PRETRAINED = "lora/pretrained-0"


def _halves(place: Place) -> None:
    """`data/sign_even` and `data/sign_odd`: train/ and test/ with five classes each."""
    if not (SHARED / "sign_digits").is_dir():
        raise FileNotFoundError(f"{SHARED / 'sign_digits'} is not there")
    for name, digits in (("even", "02468"), ("odd", "13579")):
        shutil.rmtree(place.data / f"sign_{name}", ignore_errors=True)
        for part in ("train", "test"):
            for digit in digits:
                link = place.data / f"sign_{name}" / part / digit
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to((SHARED / "sign_digits" / part / digit).resolve())


def _pretrained(place: Place, seed: int) -> dict:
    _halves(place)
    words = ("model=ViTTiny16", "data=folder:data/sign_even", "validation=0", SIZE)
    more = ("epochs=40", "warmup_epochs=4", f"seed={seed}")
    run = f"lora/pretrained-{seed}"
    cost = place.trained("train", run, *words, *more)
    return {"accuracy": place.accuracy(run, "--split", "test"), **cost}


def _adapted(place: Place, seed: int, name: str, *words: str) -> dict:
    """One preset of the same name."""
    if not (place.path / PRETRAINED).is_dir():
        raise FileNotFoundError(f"{place.path / PRETRAINED} is not there; measure pretrained first")
    _halves(place)
    run = f"lora/{name}-{seed}"
    model = ("--config", name, f"model={PRETRAINED}")
    given = (*model, "data=folder:data/sign_odd", "validation=0", SIZE)
    cost = place.trained("finetune", run, *given, *words, f"seed={seed}")
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
    "weights: ViT-Ti first learns the five even digits of sign language from random weights "
    "(first row), then the five odd ones, with each way of fine-tuning.",
    parts={
        "pretrained": _pretrained,
        "head": lambda place, seed: _adapted(place, seed, "head"),
        "full": lambda place, seed: _adapted(place, seed, "full", "epochs_head=10", "epochs=10"),
        "lora": lambda place, seed: _adapted(place, seed, "lora", "epochs_head=10", "epochs=10"),
    },
    verdict=_comparing,
)
