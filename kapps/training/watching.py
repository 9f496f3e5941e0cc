"""Signs in the data and in the numbers of the epochs that something goes wrong; their cures."""

from collections.abc import Sequence

from kapps.data import annotations, leaks

LATER = 3  # epochs after the lowest loss before it counts as passed
WORSE = 1.1  # times the lowest loss


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
