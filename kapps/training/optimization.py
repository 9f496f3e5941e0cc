"""Optimiser, learning-rate schedule, weight decay and averaged weights."""

import contextlib
from collections.abc import Iterator

from kapps.training.state import to_numpy

OPTIMIZERS = ("adamw", "sgd")
LEARNING_RATES = {"adamw": 1e-3, "sgd": 0.05}  # peaks used when a job names none


def cosine(peak: float, steps: int, warmup_steps: int = 0):
    """The learning rate of each step: a straight line up to `peak`, then half a cosine to zero.

    Loshchilov and Hutter, 2017, arXiv:1608.03983, without restarts; warm-up as in Goyal et al.,
    2017, arXiv:1706.02677.

    Args:
        peak: the largest learning rate.
        steps: all steps of the training, warm-up included.
        warmup_steps: steps of the line; 0 starts at `peak`.

    Returns:
        A keras.optimizers.schedules.LearningRateSchedule.

    Raises:
        ValueError: no step is left after the warm-up.
    """
    import keras

    if not 0 <= warmup_steps < steps:
        raise ValueError(
            f"warm-up of {warmup_steps} steps does not fit in a training of {steps} steps; "
            "lower warmup_epochs or raise epochs."
        )
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, steps)
    return keras.optimizers.schedules.CosineDecay(
        # The first step would do nothing at zero.
        initial_learning_rate=peak / warmup_steps,
        warmup_target=peak,
        warmup_steps=warmup_steps,
        decay_steps=steps - warmup_steps,
    )


def make_optimizer(
    model,
    schedule,
    *,
    name: str = "adamw",
    weight_decay: float = 0.0,
    momentum: float = 0.9,
    ema: float = 0.0,
    accumulate: int = 1,
    clip_norm: float | None = None,
):
    """A Keras optimiser for `model`, with weight decay on kernels only.

    Args:
        model: the model it will train; its norms and biases (every variable of fewer than two
            dimensions) take no weight decay.
        schedule: learning rate or schedule, counted in batches.
        name: "adamw" or "sgd" (with Nesterov momentum).
        weight_decay: decoupled: each step shrinks a kernel by `learning_rate * weight_decay`.
        momentum: of "sgd"; "adamw" uses (0.9, 0.999).
        ema: momentum of the averaged weights per update, 0 for none.
        accumulate: batches whose gradients are averaged into one update.
        clip_norm: bound on the norm of all gradients together; None for none.

    Raises:
        ValueError: an unknown name or a number out of range.
    """
    import keras

    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer={name!r} is not known; use one of {', '.join(OPTIMIZERS)}.")
    if not 0 <= ema < 1:
        raise ValueError(f"ema={ema} is no momentum; use 0 (off) up to below 1, such as 0.999.")
    if accumulate < 1:
        raise ValueError(f"accumulate={accumulate} is no number of batches; use 1 or more.")
    common = {
        "weight_decay": weight_decay or None,
        "global_clipnorm": clip_norm,
        "use_ema": ema > 0,
        # Keras averages after every batch, also where no update happened.
        "ema_momentum": ema ** (1 / accumulate) if ema else 0.99,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    if name == "sgd":
        optimizer = keras.optimizers.SGD(schedule, momentum=momentum, nesterov=True, **common)
    else:
        # Keras's AdamW refuses "no weight decay"; Adam with decay is the same rule.
        optimizer = keras.optimizers.Adam(schedule, **common)
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if len(v.shape) < 2]
    )
    return optimizer


@contextlib.contextmanager
def averaged_weights(model) -> Iterator[None]:
    """Inside, the model holds its averaged weights; afterwards its own again, bit for bit.

    Keras's SwapEMAWeights exchanges by adding and subtracting on TensorFlow, which rounds. Without
    averaging this does nothing.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    averages = getattr(optimizer, "_model_variables_moving_average", ()) or ()
    if not optimizer.use_ema or not averages:
        yield
        return
    variables = optimizer._trainable_variables
    kept = [to_numpy(variable) for variable in variables]
    for variable, average in zip(variables, averages, strict=True):
        variable.assign(to_numpy(average))
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
