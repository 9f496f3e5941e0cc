"""Plain networks of 20, 32 and 44 layers beside residual ones, on a tenth of CIFAR-10."""

import functools

from tools.results.cifar10 import DATA
from tools.results.experiment import Experiment, Means
from tools.results.measuring import SHARED, Place

DEPTHS = (20, 32, 44)
EPOCHS, BATCH, RATE = 5, 64, 0.05


def _measure(place: Place, seed: int, *, depth: int, residual: bool) -> dict:
    place.link("cifar10_subset", SHARED / "cifar10_subset")
    run = f"degradation/{_name(depth, residual)}-{seed}"
    words = ("--config", "resnet20_cifar10", f"model=ResNet{depth}", f"data=folder:{DATA}")
    words = (*words, "augment=default")
    shape = () if residual else ("arguments=[residual=false]",)
    budget = (f"epochs={EPOCHS}", f"batch_size={BATCH}", f"learning_rate={RATE}", "validation=0")
    course = ("schedule=cosine", "decay_epochs=[]", "warmup_epochs=0.5", f"seed={seed}")
    cost = place.trained("train", run, *words, *shape, *budget, *course)
    errors = [round(1 - row["accuracy"], 4) for row in place.history(run)]
    accuracy = place.accuracy(run, "--split", "test")
    return {"errors": errors, "train_error": errors[-1], "accuracy": accuracy, **cost}


def _name(depth: int, residual: bool) -> str:
    return f"{'ResNet' if residual else 'plain'}-{depth}"


def _comparing(m: Means) -> str:
    names = [_name(depth, residual) for residual in (False, True) for depth in DEPTHS]
    if not all(name in m for name in names):
        return ""
    errors = {name: 100 * m[name]["train_error"] for name in names}
    plain = errors["plain-44"] - errors["plain-20"]
    shortcut = errors["ResNet-44"] - errors["ResNet-20"]
    return (
        f"From 20 layers to 44 the error on the training pictures changes by {plain:+.2f} points "
        f"without shortcuts and by {shortcut:+.2f} with them; at 44 layers the shortcuts are worth "
        f"{errors['plain-44'] - errors['ResNet-44']:.2f} points."
    )


DEEPER = Experiment(
    title="Degradation: plain and residual networks on a tenth of CIFAR-10",
    about=f"The networks of He et al. (2015), section 4.2, and the same without shortcuts: "
    f"{EPOCHS} epochs over 5,000 pictures, {EPOCHS * 5000 // BATCH} steps where the paper took "
    "64,000. The training error is that of the last epoch, on the augmented pictures, as the "
    "network was at each step.",
    parts={
        _name(depth, residual): functools.partial(_measure, depth=depth, residual=residual)
        for residual in (False, True)
        for depth in DEPTHS
    },
    verdict=_comparing,
)
