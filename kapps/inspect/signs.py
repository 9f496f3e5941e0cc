"""Signs in gradients and units that something goes wrong, and their cures."""

import math
from collections.abc import Mapping

import numpy as np

OUTLIER = 100.0  # times the usual length, from which a gradient counts as exploded
STEEP = 100.0  # times as long as its weights: a step of 0.01 would replace them
LOST = 1e-4  # of what the last layer gets, all that is left for the first
MOST = 0.5  # share of a layer's ReLUs


def relative(norms: Mapping[str, float], weights: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Of each kernel, the norm of its gradient divided by that of its weights.

    Args:
        norms: path of a variable -> norm of its gradient.
        weights: path -> its values.
    """
    lengths = {p: float(np.linalg.norm(w)) for p, w in weights.items() if w.ndim > 1}
    return {path: norms[path] / length for path, length in lengths.items() if length > 0}


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
