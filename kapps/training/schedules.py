"""The learning rate of each step: how it rises, falls and ends.

Keras's schedules where it has them, joined by `Phases` to a warm-up and a cool-down. This module is
read for `--help`, so Keras is imported where it is needed; the classes of ours are in `rates`.
"""

from dataclasses import dataclass

SCHEDULES = (
    "cosine",
    "cosine_restarts",
    "constant",
    "exponential",
    "multi_step",
    "one_cycle",
    "plateau",
    "polynomial",
    "step",
)
PER = ("step", "epoch")
WARMUPS = ("linear", "exponential")
RESTART_FACTOR = 2.0  # each period of cosine_restarts is so many times as long as the last one
DECAY_RATES = {"step": 0.1, "multi_step": 0.1, "plateau": 0.1, "exponential": 0.97}
PATIENCE = 5.0  # epochs without a better one before schedule=plateau lowers the rate
# How many numbers `decay_epochs` may have; the others do not know it.
DECAY_EPOCHS = {
    "step": (0, 1),
    "multi_step": (0, 1000),
    "exponential": (0, 1),
    "cosine_restarts": (0, 1),
    "plateau": (0, 1),
}


@dataclass(frozen=True, kw_only=True)
class Course:
    """The course of the learning rate; the settings of the same names.

    Attributes:
        schedule: one of SCHEDULES.
        schedule_per: "step", or "epoch": the rate changes only where an epoch begins, but for the
            warm-up.
        warmup_epochs: epochs of rising to the peak.
        warmup: "linear", or "exponential": by the same factor each step.
        cooldown_epochs: epochs at the end that keep the last rate.
        final_learning_rate: the rate does not fall below it; cosine, polynomial and one_cycle end
            there.
        decay_rate: the factor of step, multi_step, exponential and plateau; None for DECAY_RATES.
        decay_epochs: step: the factor comes after every so many epochs (a third of all);
            multi_step: after each of these (half and three quarters of all); exponential: it is
            reached in so many, steadily (1); cosine_restarts: the first period, each next one is
            twice as long (a seventh of all, which makes three); plateau: it comes after so many
            without a better epoch (5). () for what is in parentheses.
        decay_power: of polynomial; 1 is a straight line.
    """

    schedule: str = "cosine"
    schedule_per: str = "step"
    warmup_epochs: float = 0.0
    warmup: str = "linear"
    cooldown_epochs: float = 0.0
    final_learning_rate: float = 0.0
    decay_rate: float | None = None
    decay_epochs: tuple[float, ...] = ()
    decay_power: float = 1.0


def check(how: Course) -> None:
    """Refuse numbers out of range and settings that the schedule does not have.

    Raises:
        ValueError: one sentence that names the setting.
    """
    for name, choices in (("schedule", SCHEDULES), ("schedule_per", PER), ("warmup", WARMUPS)):
        value = getattr(how, name)
        if value not in choices:
            raise ValueError(f"{name}={value!r} is not known; use one of {', '.join(choices)}.")
    for name in ("warmup_epochs", "cooldown_epochs", "final_learning_rate"):
        if getattr(how, name) < 0:
            raise ValueError(f"{name}={getattr(how, name)} is out of range; use 0 or more.")
    if how.decay_rate is not None:
        if how.schedule not in DECAY_RATES:
            raise ValueError(_not_of("decay_rate", how, DECAY_RATES))
        if not 0 < how.decay_rate < 1:
            raise ValueError(
                f"decay_rate={how.decay_rate} is out of range; use more than 0 and less than 1."
            )
    least, most = DECAY_EPOCHS.get(how.schedule, (0, 0))
    if how.decay_epochs and not most:
        raise ValueError(_not_of("decay_epochs", how, DECAY_EPOCHS))
    if not least <= len(how.decay_epochs) <= most:
        raise ValueError(
            f"decay_epochs={list(how.decay_epochs)} is no single number, which "
            f"schedule={how.schedule} takes; give one, or use schedule=multi_step."
        )
    if any(epochs <= 0 for epochs in how.decay_epochs) or how.decay_power <= 0:
        raise ValueError(
            f"decay_epochs={list(how.decay_epochs)} with decay_power={how.decay_power} is out of "
            "range; use more than 0."
        )
    if list(how.decay_epochs) != sorted(set(how.decay_epochs)):
        raise ValueError(
            f"decay_epochs={list(how.decay_epochs)} does not rise; give the epochs in their order."
        )


def _not_of(name: str, how: Course, owners) -> str:
    return (
        f"{name}={getattr(how, name)} is no setting of schedule={how.schedule}, but of "
        f"{', '.join(owners)}; drop it."
    )


def decay_rate(how: Course) -> float:
    """The factor of `how`, by default that of its schedule."""
    return DECAY_RATES[how.schedule] if how.decay_rate is None else how.decay_rate


def cosine(peak: float, steps: int, warmup_steps: int = 0, final: float = 0.0):
    """The learning rate of each step: a straight line up to `peak`, then half a cosine to `final`.

    Loshchilov and Hutter, 2017, arXiv:1608.03983, without restarts; warm-up as in Goyal et al.,
    2017, arXiv:1706.02677.

    Args:
        peak: the largest learning rate.
        steps: all steps of the training, warm-up included.
        warmup_steps: steps of the line; 0 starts at `peak`.
        final: where it ends.

    Returns:
        A keras.optimizers.schedules.LearningRateSchedule.

    Raises:
        ValueError: no step is left after the warm-up.
    """
    import keras

    _check_warmup(steps, warmup_steps)
    alpha = final / peak
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(peak, steps, alpha=alpha)
    return keras.optimizers.schedules.CosineDecay(
        # The first step would do nothing at zero.
        initial_learning_rate=peak / warmup_steps,
        warmup_target=peak,
        warmup_steps=warmup_steps,
        decay_steps=steps - warmup_steps,
        alpha=alpha,
    )


def make_schedule(how: Course, peak: float, epochs: int, steps: int):
    """The learning rate of each step of a training.

    Args:
        how: the course.
        peak: the largest learning rate.
        epochs: of the training, warm-up and cool-down included.
        steps: batches an epoch.

    Returns:
        A keras.optimizers.schedules.LearningRateSchedule of the number of batches done. What
        schedule=plateau lowers is the optimiser's, see `optimizers.PerVariable`.

    Raises:
        ValueError: warm-up, cool-down and decay do not fit in the training, or `check` objects.
    """
    check(how)
    if how.final_learning_rate > peak:
        raise ValueError(
            f"final_learning_rate={how.final_learning_rate} is more than learning_rate={peak}; "
            "lower it."
        )
    total = steps * epochs
    warmup = 0 if how.schedule == "one_cycle" else round(steps * how.warmup_epochs)
    cooldown = round(steps * how.cooldown_epochs)
    _check_warmup(total, warmup)
    if warmup + cooldown >= total:
        raise ValueError(
            f"cooldown_epochs={how.cooldown_epochs} and the warm-up leave nothing of "
            f"epochs={epochs}; lower one of them."
        )
    plain = how.schedule_per == "step" and how.warmup == "linear" and not cooldown
    if how.schedule == "cosine" and plain:
        return cosine(peak, total, warmup, how.final_learning_rate)

    from kapps.training.rates import Phases

    # A warm-up comes before what has a length of its own; the epochs of a decay are those of the
    # training.
    delay = warmup if how.schedule in ("cosine", "cosine_restarts", "polynomial") else 0
    length = total - cooldown - delay
    return Phases(
        _main(how, peak, epochs, steps, length),
        peak=peak,
        warmup_steps=warmup,
        warmup=how.warmup,
        delay=delay,
        length=length,
        every=steps if how.schedule_per == "epoch" else 1,
        floor=how.final_learning_rate,
    )


def _main(how: Course, peak: float, epochs: int, steps: int, length: int):
    """What lies between warm-up and cool-down, `length` steps of it."""
    import keras

    from kapps.training import rates

    has = keras.optimizers.schedules
    final, alpha = how.final_learning_rate, how.final_learning_rate / peak
    given = how.decay_epochs
    if how.schedule == "cosine":
        return has.CosineDecay(peak, length, alpha=alpha)
    if how.schedule == "cosine_restarts":
        first = round(steps * given[0]) if given else -(-length // 7)  # 1 + 2 + 4
        return has.CosineDecayRestarts(peak, max(first, 1), RESTART_FACTOR, alpha=alpha)
    if how.schedule == "polynomial":
        return has.PolynomialDecay(peak, length, final, how.decay_power)
    if how.schedule == "one_cycle":
        return rates.OneCycle(peak, length, final=final)
    if how.schedule in ("step", "exponential"):
        staircase = how.schedule == "step"
        every = given[0] if given else epochs / 3 if staircase else 1.0
        return has.ExponentialDecay(
            peak, max(round(steps * every), 1), decay_rate(how), staircase=staircase
        )
    if how.schedule == "multi_step":
        milestones = given or (epochs / 2, epochs * 3 / 4)
        # Keras's boundary is the last step of the value before it.
        boundaries = [round(steps * milestone) - 1 for milestone in milestones]
        values = [peak * decay_rate(how) ** i for i in range(len(boundaries) + 1)]
        return has.PiecewiseConstantDecay(boundaries, values)
    return rates.ConstantRate(peak)  # plateau too: the optimiser lowers it


def _check_warmup(steps: int, warmup_steps: int) -> None:
    if not 0 <= warmup_steps < steps:
        raise ValueError(
            f"warm-up of {warmup_steps} steps does not fit in a training of {steps} steps; "
            "lower warmup_epochs or raise epochs."
        )


def is_stuck(since_better: int, how: Course) -> bool:
    """Whether schedule=plateau lowers the rate now.

    As in He et al., 2016, arXiv:1512.03385: "the learning rate is divided by 10 when the error
    plateaus".

    Args:
        since_better: epochs since the best one, or since the rate was lowered after it.
        how: the course.
    """
    patience = how.decay_epochs[0] if how.decay_epochs else PATIENCE
    return how.schedule == "plateau" and since_better >= patience
