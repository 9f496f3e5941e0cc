"""How long BatchNormalization remembers.

Its running mean and variance begin at 0 and 1 and keep `momentum` of themselves each step, so they
are an average over about `1 / (1 - momentum)` steps. Keras's MobileNets have 0.999: on a small data
set they still hold much of where they began when the first epoch ends, and judging by them shows a
network at chance that has learnt well.
"""

WORDS = ("auto", "own")
MEMORIES = 10  # of them fit in an epoch, which leaves exp(-10) of where they began
LEAST = 0.5


def check(word: str) -> None:
    """Refuse what `set_momentum` does not know.

    Raises:
        ValueError: `word` is neither of WORDS nor a number from 0 to below 1.
    """
    if word in WORDS:
        return
    try:
        fits = 0 <= float(word) < 1
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"norm_momentum={word!r} is not known; use auto, own, or a number from 0 to below 1."
        )


def automatic(own: float, steps: int) -> float:
    """`own`, or less where it would remember more than a tenth of an epoch; 0.5 or more.

    `min(own, max(1 - 10 / steps, 0.5))`; of a network with 0.5 or less, its own.
    """
    return min(own, max(1.0 - MEMORIES / steps, LEAST))


def set_momentum(model, word: str, steps: int) -> None:
    """Set `momentum` of the BatchNormalization layers of `model`.

    It is a number of the layer's configuration, so a model that is saved later has it too; only
    training looks at it. To be called before the training step is compiled.

    Args:
        model: a functional keras.Model.
        word: "own" leaves all as it is; "auto": see `automatic`; or a number as text.
        steps: batches an epoch.

    Raises:
        ValueError: see `check`.
    """
    check(word)
    if word == "own":
        return
    import keras

    from kapps.training.freezing import leaves

    for layer in leaves(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = automatic(layer.momentum, steps) if word == "auto" else float(word)
