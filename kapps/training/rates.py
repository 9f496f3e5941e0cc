"""Learning-rate schedules that Keras does not have."""

import math

import keras
from keras import ops

_register = keras.saving.register_keras_serializable(package="kapps")
Schedule = keras.optimizers.schedules.LearningRateSchedule


@_register
class ConstantRate(Schedule):
    """The same learning rate at every step.

    Args:
        learning_rate: it.
    """

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate

    def __call__(self, step):
        return ops.full_like(ops.cast(step, "float32"), self.learning_rate)

    def get_config(self) -> dict:
        return {"learning_rate": self.learning_rate}


@_register
class OneCycle(Schedule):
    """Half a cosine up to `peak`, half a cosine down to nearly nothing.

    Source: Super-Convergence (Smith and Topin, 2017, arXiv:1708.07120), with cosines in place of
    lines as torch.optim.lr_scheduler.OneCycleLR has them. The momentum, which the paper moves the
    other way, stays as it is: Keras's optimisers hold it as a constant of the compiled step.

    Args:
        peak: the largest learning rate.
        steps: of the whole cycle.
        rise: share of the steps before the peak.
        divisor: the first rate is `peak / divisor`.
        final: the last rate, if it is more than a ten-thousandth of the first one.
    """

    def __init__(
        self, peak: float, steps: int, rise: float = 0.3, divisor: float = 25.0, final: float = 0.0
    ):
        self.peak, self.steps, self.rise = peak, steps, rise
        self.divisor, self.final = divisor, final

    def __call__(self, step):
        first = self.peak / self.divisor
        last = max(first / 1e4, self.final)
        top = max(self.rise * self.steps - 1, 1e-6)  # the step of the peak
        end = max(self.steps - 1, top + 1e-6)
        step = ops.cast(step, "float32")
        up = _half_cosine(first, self.peak, step / top)
        down = _half_cosine(self.peak, last, (step - top) / (end - top))
        return ops.where(step <= top, up, down)

    def get_config(self) -> dict:
        return {
            "peak": self.peak,
            "steps": self.steps,
            "rise": self.rise,
            "divisor": self.divisor,
            "final": self.final,
        }


@_register
class Phases(Schedule):
    """A warm-up, another schedule, and its last rate for the rest.

    Args:
        main: the schedule between them.
        peak: the rate at the end of the warm-up.
        warmup_steps: of rising from `peak / warmup_steps`; 0 for none.
        warmup: "linear" (Goyal et al., 2017, arXiv:1706.02677) or "exponential": by the same
            factor each step.
        delay: steps after which `main` begins; before, its first rate counts.
        length: steps of `main`; afterwards its rate stays (the cool-down).
        every: `main` is asked at multiples of so many steps only.
        floor: the least rate of `main`.
    """

    def __init__(
        self,
        main: Schedule,
        peak: float,
        warmup_steps: int = 0,
        warmup: str = "linear",
        delay: int = 0,
        length: int = 1,
        every: int = 1,
        floor: float = 0.0,
    ):
        self.main, self.peak, self.floor = main, peak, floor
        self.warmup_steps, self.warmup = warmup_steps, warmup
        self.delay, self.length, self.every = delay, length, every

    def __call__(self, step):
        step = ops.cast(step, "float32")
        within = ops.floor(step / self.every) * self.every - self.delay
        rate = self.main(ops.clip(within, 0.0, float(self.length)))
        rate = ops.maximum(rate, self.floor)
        if not self.warmup_steps:
            return rate
        done = step / self.warmup_steps
        if self.warmup == "linear":
            first = self.peak / self.warmup_steps
            rising = first + (self.peak - first) * done
        else:
            rising = self.peak * ops.exp(math.log(self.warmup_steps) * (done - 1.0))
        return ops.where(step < self.warmup_steps, rising, rate)

    def get_config(self) -> dict:
        return {
            "main": keras.optimizers.schedules.serialize(self.main),
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "warmup": self.warmup,
            "delay": self.delay,
            "length": self.length,
            "every": self.every,
            "floor": self.floor,
        }

    @classmethod
    def from_config(cls, config: dict) -> "Phases":
        main = keras.optimizers.schedules.deserialize(config["main"])
        return cls(**{**config, "main": main})


def _half_cosine(start: float, end: float, share):
    """From `start` to `end` while `share` goes from 0 to 1."""
    return end + (start - end) * (1.0 + ops.cos(math.pi * ops.clip(share, 0.0, 1.0))) / 2.0
