"""Each schedule against the formula of its source."""

import math

import keras
import numpy as np
import pytest

from kapps.training import schedules
from kapps.training.schedules import Course, make_schedule

PEAK, EPOCHS, STEPS = 0.4, 20, 10


def rates(**how) -> np.ndarray:
    schedule = make_schedule(Course(**how), PEAK, EPOCHS, STEPS)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    numbers = np.array([float(again(step)) for step in range(EPOCHS * STEPS)])
    assert numbers[37] == float(schedule(keras.ops.convert_to_tensor(37)))
    return numbers


def epochs() -> np.ndarray:
    return np.arange(EPOCHS * STEPS) / STEPS


@pytest.mark.parametrize(
    ("how", "formula"),
    [
        ({"schedule": "constant"}, lambda e: 0 * e + 1),
        ({"schedule": "step", "decay_epochs": (6,), "decay_rate": 0.2}, lambda e: 0.2 ** (e // 6)),
        (
            {"schedule": "multi_step"},  # the halves and quarters of He et al., 2016, section 4.2
            lambda e: np.where(e < 10, 1, np.where(e < 15, 0.1, 0.01)),
        ),
        (
            {"schedule": "multi_step", "decay_epochs": (3, 7.5), "final_learning_rate": 0.02},
            lambda e: np.where(e < 3, 1, np.where(e < 7.5, 0.1, 0.05)),
        ),
        (  # EfficientNet's
            {"schedule": "exponential", "decay_epochs": (2.4,)},
            lambda e: 0.97 ** (e / 2.4),
        ),
        (
            {"schedule": "polynomial", "decay_power": 0.9, "final_learning_rate": 0.1},
            lambda e: 0.25 + 0.75 * (1 - e / 20) ** 0.9,
        ),
        (
            {"schedule": "cosine", "final_learning_rate": 0.1},
            lambda e: 0.25 + 0.75 * (1 + np.cos(np.pi * e / 20)) / 2,
        ),
        (
            {"schedule": "cosine", "cooldown_epochs": 4, "final_learning_rate": 0.1},
            lambda e: 0.25 + 0.75 * (1 + np.cos(np.pi * np.minimum(e / 16, 1))) / 2,
        ),
        (
            {"schedule": "cosine", "schedule_per": "epoch"},
            lambda e: (1 + np.cos(np.pi * np.floor(e) / 20)) / 2,
        ),
        (  # equation 5 of Loshchilov and Hutter, 2017, T_0 = 2, T_mult = 2
            {"schedule": "cosine_restarts", "decay_epochs": (2,)},
            lambda e: np.select(
                [e < 2, e < 6, e < 14, e < 30],
                [(1 + np.cos(np.pi * (e - n + 2) / n)) / 2 for n in (2, 4, 8, 16)],
            ),
        ),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)  # fmt: skip
def test_it_follows_its_formula(how, formula):
    np.testing.assert_allclose(rates(**how), PEAK * formula(epochs()), atol=2e-5)


def test_one_cycle_is_that_of_torch():
    """torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=200), of torch 2.13."""
    expected = {
        0: 0.016,
        20: 0.11496623,
        59: 0.4,
        60: 0.39994965,
        120: 0.24011852,
        198: 5.195281e-5,
        199: 1.6e-6,
    }
    got = rates(schedule="one_cycle", warmup_epochs=0.5)
    for step, rate in expected.items():
        assert got[step] == pytest.approx(rate, rel=1e-4, abs=1e-7), step


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step", "polynomial"])
def test_warm_up_rises_to_the_peak(schedule):
    line = rates(schedule=schedule, warmup_epochs=2, cooldown_epochs=1)
    np.testing.assert_allclose(line[:21], np.linspace(PEAK / 20, PEAK, 21), rtol=1e-5)
    curve = rates(schedule=schedule, warmup_epochs=2, warmup="exponential", schedule_per="epoch")
    np.testing.assert_allclose(curve[1:20] / curve[:19], 20 ** (1 / 20), rtol=1e-4)
    assert curve[0] == pytest.approx(PEAK / 20)
    assert curve[20] == pytest.approx(PEAK)


def test_warm_up_delays_a_cosine_and_not_the_epochs_of_a_decay():
    """Goyal et al., 2017, divide by ten at epochs 30, 60 and 80 of 90, five of them warm-up."""
    steps = rates(schedule="multi_step", decay_epochs=(5,), warmup_epochs=2)
    assert steps[49] == pytest.approx(PEAK)
    assert steps[50] == pytest.approx(PEAK / 10)
    cosine = rates(schedule="cosine", warmup_epochs=2, warmup="exponential")
    assert cosine[110] == pytest.approx(PEAK / 2)  # half way between step 20 and step 200


def test_the_plain_cosine_is_keras_own():
    schedule = make_schedule(Course(warmup_epochs=0.5), PEAK, EPOCHS, STEPS)
    assert type(schedule) is keras.optimizers.schedules.CosineDecay
    assert float(schedule(0)) == pytest.approx(PEAK / 5)
    assert float(schedule(5 + 195 // 3)) == pytest.approx(
        PEAK * (1 + math.cos(math.pi / 3)) / 2, rel=1e-5
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"schedule": "linear"}, "schedule='linear' is not known"),
        ({"schedule": "cosine", "decay_epochs": (3.0,)}, "no setting of schedule=cosine"),
        ({"schedule": "polynomial", "decay_rate": 0.5}, "no setting of schedule=polynomial"),
        ({"schedule": "step", "decay_epochs": (3.0, 5.0)}, "no single number"),
        ({"schedule": "multi_step", "decay_epochs": (5.0, 3.0)}, "does not rise"),
        ({"schedule": "step", "decay_rate": 10.0}, "decay_rate=10.0 is out of range"),
        ({"cooldown_epochs": 19.8, "warmup_epochs": 0.5}, "leave nothing"),
        ({"final_learning_rate": 1.0}, "more than learning_rate"),
        ({"warmup_epochs": 20.0}, "warm-up of 200 steps"),
    ],
)
def test_what_makes_no_sense_is_refused(how, words):
    with pytest.raises(ValueError, match=words):
        make_schedule(Course(**how), PEAK, EPOCHS, STEPS)


def test_plateau_waits_for_its_epochs():
    how = Course(schedule="plateau", decay_epochs=(2,))
    assert [schedules.is_stuck(since, how) for since in range(4)] == [False, False, True, True]
    assert not schedules.is_stuck(99, Course())
