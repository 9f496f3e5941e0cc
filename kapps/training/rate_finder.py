"""The learning-rate range test: raise the rate from step to step and see where the loss falls.

Source: Smith, 2017, arXiv:1506.01186, section 3.3; on a logarithmic scale, as it has become usual.
"""

import dataclasses
import html
import itertools
import math
from collections.abc import Iterable, Sequence

import keras

from kapps.errors import RunError
from kapps.reports import charts, page
from kapps.training import progress
from kapps.training.optimization import DEFAULTS

STEPS = 100
BELOW, ABOVE = 1e-4, 1e3  # of the optimiser's usual rate, where the test begins and ends
MEMORY = 0.9  # of the running mean of the loss
DIVERGED = 3.0  # times the lowest mean of the loss, at which the test ends
SETTLED = 10  # steps until the mean is one of enough batches
SHARE = 0.1  # of the rate with the lowest loss: what is suggested


@dataclasses.dataclass(frozen=True)
class Found:
    """What a range test saw.

    Attributes:
        rates: of each step.
        losses: of each step's batch.
        smooth: their running mean.
        lowest: the rate at which it was lowest.
        suggestion: a tenth of that, to one digit.
    """

    rates: Sequence[float]
    losses: Sequence[float]
    smooth: Sequence[float]
    lowest: float
    suggestion: float

    @property
    def sentence(self) -> str:
        """The suggestion in a line."""
        return (
            f"learning rate: {self.suggestion:g} is suggested, a tenth of {self.lowest:.2g} where "
            "the loss was lowest"
        )


def usual(optimizer: str) -> float:
    """The learning rate of an optimiser where nobody says one."""
    return DEFAULTS[optimizer][0]


def ramp(peak: float) -> keras.optimizers.schedules.LearningRateSchedule:
    """From `BELOW` to `ABOVE` times `peak`, by the same factor in each of the steps."""
    return keras.optimizers.schedules.ExponentialDecay(
        peak * BELOW, decay_steps=STEPS - 1, decay_rate=ABOVE / BELOW
    )


def run(trainee: keras.Model, batches: Iterable[tuple], schedule) -> Found:
    """Step with rising rates until the loss runs away.

    Args:
        trainee: compiled with `schedule`.
        batches: of the training, at least as many as steps.
        schedule: see `ramp`.

    Raises:
        RunError: see `read`.
    """
    rates, losses = [], []
    with progress.bar("learning rate", STEPS, "steps", quiet=True) as advance:
        for step, (pictures, *annotations) in enumerate(itertools.islice(batches, STEPS)):
            trainee.reset_metrics()
            logs = trainee.train_on_batch(pictures, *annotations, return_dict=True)
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                break
            rates.append(float(schedule(step)))
            losses.append(loss)
            advance(1)
            smooth = smoothed(losses)[SETTLED:]
            if smooth and smooth[-1] > DIVERGED * min(smooth) > 0:
                break
    return read(rates, losses)


def smoothed(losses: Sequence[float]) -> list[float]:
    """The running mean, without a bias to zero at its begin."""
    found, mean = [], 0.0
    for step, loss in enumerate(losses, 1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        found.append(mean / (1 - MEMORY**step))
    return found


def read(rates: Sequence[float], losses: Sequence[float]) -> Found:
    """What the losses at rising rates say.

    Raises:
        RunError: the loss fell at none of them.
    """
    smooth = smoothed(losses)
    later = range(SETTLED, len(smooth))  # before, the mean is that of a few batches
    lowest = min(later, key=smooth.__getitem__, default=0)
    if not lowest or smooth[lowest] >= sum(losses[:SETTLED]) / SETTLED:
        raise RunError(
            "the loss fell at no learning rate of the test; look at the data (kapps data preview) "
            "and at the loss."
        )
    suggestion = float(f"{SHARE * rates[lowest]:.1g}")
    return Found(list(rates), list(losses), smooth, rates[lowest], suggestion)


def page_of(found: Found, given: float | None) -> str:
    """The plot as an HTML page.

    Args:
        found: by `run`.
        given: the learning rate that the user has set.
    """
    top = 1.5 * max(found.smooth[:SETTLED])  # what runs away would flatten all the rest
    lines = {
        "running mean": [(r, v) for r, v in zip(found.rates, found.smooth, strict=True) if v < top],
        "batch": [(r, v) for r, v in zip(found.rates, found.losses, strict=True) if v < top],
    }
    chart = charts.curve(
        "loss by learning rate",
        lines,
        axes=("learning rate", "loss"),
        log=True,
        mark=(found.suggestion, f"{found.suggestion:g}"),
        width=900,
        height=420,
    )
    said = "" if given is None else f" This run trains with {given:g}, as it was told."
    body = f"""<h1>Which learning rate</h1>
<p>{html.escape(found.sentence[0].upper() + found.sentence[1:])}.{said}</p>
<div class="card">{chart}</div>
<p class="gap">The weights are those of before the test. Where the mean falls steepest the network
learns fastest; where it rises, steps are too long (Smith, 2017, arXiv:1506.01186).</p>"""
    return page.page("learning rate", body)
