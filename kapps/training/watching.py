"""Signs in the data and in the numbers of the epochs that something goes wrong; their cures."""

import math
from collections.abc import Mapping, Sequence

from kapps.data import annotations, leaks

LATER = 3  # epochs after the lowest loss before it counts as passed
WORSE = 1.1  # times the lowest loss
OUTLIER = 100.0  # times the usual length, from which a gradient counts as exploded
STEEP = 100.0  # times as long as its weights: a step of 0.01 would replace them
LOST = 1e-4  # of what the last layer gets, all that is left for the first
MOST = 0.5  # share of a layer's ReLUs


def pictures(empty: Sequence[str], train, judge) -> list[str]:
    """Sentences about the pictures of a training; [] where nothing shows.

    Args:
        empty: class folders without a picture.
        train, judge: `kapps.data.Dataset`s, of the training and of the pictures to judge by; None
            where nothing judges.
    """
    found = []
    if empty:
        found.append(
            f"warning: a class without images: {_some(sorted(empty))} cannot be learnt; add "
            "pictures, or remove the folder."
        )
    if judge is None:
        return found
    names = judge.class_names
    counts = annotations.counts(judge.annotation, judge.labels, len(names))
    without = [] if counts is None else [n for n, c in zip(names, counts, strict=True) if not c]
    if without:
        found.append(
            f"warning: no picture to judge by of {_some(without)}: nobody will know whether the "
            "network learns that; add some, or raise validation."
        )
    if both := leaks.between(train.source, judge.source):
        found.append(
            f"warning: identical pictures on both sides: {len(both)} of the training are judged "
            f"by too, such as {both[0][0]} and {both[0][1]}, so the measured accuracy is too high; "
            "delete them on one side (kapps data check lists all)."
        )
    return found


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    text = ", ".join(map(str, names[:3]))
    return text if len(names) <= 3 else f"{text} and {len(names) - 3} more classes"


def overfitting(rows: Sequence[dict]) -> str | None:
    """A sentence where a stage learns its pictures by heart; None where nothing shows.

    The loss of the held-out pictures has been lowest `LATER` epochs ago or more and is a tenth
    above that now, while the loss of the training has fallen on.

    Args:
        rows: the stage's rows of the history, in order.
    """
    if not rows or "val_loss" not in rows[-1]:
        return None
    lowest = min(range(len(rows)), key=lambda i: rows[i]["val_loss"])
    then, now = rows[lowest], rows[-1]
    if len(rows) - 1 - lowest < LATER or now["val_loss"] < WORSE * then["val_loss"]:
        return None
    if now["loss"] >= then["loss"]:
        return None
    return (
        f"warning: overfitting: val_loss was {then['val_loss']:.4f} after {then['stage']} "
        f"{then['epoch']} and is {now['val_loss']:.4f} now, while the training's loss fell; use "
        f"fewer epochs (patience={LATER} stops by itself), more augmentation or more weight_decay."
    )


def exploding(usual: float, largest: float, relative: Mapping[str, float]) -> str | None:
    """A sentence where gradients are too long for any step; None where nothing shows.

    One was `OUTLIER` times as long as they usually are, or half of the kernels have gradients
    `STEEP` times as long as their weights.

    Args:
        usual, largest: of the norms of all gradients together, over the steps of an epoch.
        relative: of each kernel, the norm of its gradient divided by that of its weights.
    """
    if not math.isfinite(largest):
        return None  # the loss is no number then, which stops the training
    if usual > 0 and largest > OUTLIER * usual:
        return (
            f"warning: exploding gradients: one was {largest:.3g} long, {largest / usual:,.0f} "
            f"times the usual; add clip_norm={_round(2 * usual):g}, or lower learning_rate."
        )
    kernels = sorted(relative.values())
    if kernels and kernels[len(kernels) // 2] > STEEP:
        return (
            f"warning: exploding gradients: those of half of the kernels are "
            f"{kernels[len(kernels) // 2]:,.0f} times as long as their weights; draw the weights "
            "as the family's recipe does (initializer=recipe), add norms, or clip_norm=1."
        )
    return None


def vanishing(relative: Mapping[str, float]) -> str | None:
    """A sentence where hardly any gradient reaches the first layers; None where nothing shows.

    Args:
        relative: see `exploding`, in the order of the layers.
    """
    if len(relative) < 2:
        return None
    (first, least), *_, (last, most) = relative.items()
    if not math.isfinite(most) or least >= LOST * most:
        return None
    share = f"1/{most / least:,.0f} of" if least > 0 else "nothing of"
    return (
        f"warning: vanishing gradients: {first} gets {share} what {last} gets, measured by their "
        "weights; use ReLU and BatchNorm or shortcuts between them, and initializer=recipe."
    )


def dying(shares: Mapping[str, float], pictures: int) -> str | None:
    """A sentence where half of a layer's ReLUs never answer; None where nothing shows.

    Args:
        shares: layer -> share of its units that were zero everywhere.
        pictures: how many were looked at.
    """
    dead = {name: share for name, share in shares.items() if share >= MOST}
    if not dead:
        return None
    worst = max(dead, key=dead.__getitem__)
    others = f" (and in {len(dead) - 1} more layers)" if len(dead) > 1 else ""
    return (
        f"warning: dead ReLUs: {dead[worst]:.0%} of {worst}{others} are zero for all of {pictures} "
        "pictures and learn no more; lower learning_rate, lengthen warmup_epochs, or begin anew "
        "with initializer=recipe."
    )


def _round(value: float) -> float:
    """To one digit that counts."""
    return float(f"{value:.1g}")
