"""Signs in the numbers of the epochs that something goes wrong, each with its cure."""

from collections.abc import Sequence

LATER = 3  # epochs after the lowest loss before it counts as passed
WORSE = 1.1  # times the lowest loss


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
