"""Steps before a training: the learning rate, where the time goes, and that nothing is changed."""

import dataclasses
import json
import types

import numpy as np
import pytest

from kapps.errors import RunError, SettingsError
from kapps.tasks.classification import Classification
from kapps.training import engine, profiling, rate_finder, rehearsal
from kapps.training.replicas import Share
from tests.tasks.consistency import MeanTeacher

PLAN = engine.Plan("train", 1, 0.02, ema=0.5)


def plain(rows):
    return [row | {"seconds": 0} for row in rows]


@pytest.mark.parametrize(
    "task", [Classification, pytest.param(MeanTeacher, marks=pytest.mark.contract)]
)
def test_a_training_after_it_is_the_same(make_model, spots, tmp_path, task, monkeypatch):
    monkeypatch.setattr(profiling, "STEPS", (1, 2))
    monkeypatch.setattr(rate_finder, "STEPS", 60)
    without = engine.fit(make_model(dropout=0.0), spots, spots, PLAN, task=task())
    model, run = make_model(dropout=0.0), types.SimpleNamespace(path=tmp_path)
    options = types.SimpleNamespace(find_lr=True, profile=True)
    arguments = (model, spots, task(), Share())
    assert rehearsal.rehearsed(options, run, PLAN, *arguments) is PLAN
    assert plain(engine.fit(model, spots, spots, PLAN, task=task())) == plain(without)
    found = json.loads((tmp_path / "learning_rate.json").read_text())
    assert len(found["rates"]) == len(found["losses"]) <= rate_finder.STEPS
    assert found["rates"][0] == pytest.approx(1e-4 * PLAN.learning_rate, rel=1e-5)
    assert found["suggestion"] > 1e-5  # it is a very easy data set
    assert "<svg" in (tmp_path / "learning_rate.html").read_text()
    times = json.loads((tmp_path / "profile.json").read_text())
    assert times["batch_size"] == 8 and times["bottleneck"] in ("input", "host", "device")
    # Once a run: a resumed one takes the rate from there.
    open_rate = dataclasses.replace(PLAN, learning_rate=None)
    monkeypatch.setattr(rehearsal, "stepping", None)
    plan = rehearsal.rehearsed(options, run, open_rate, *arguments)
    assert plan == dataclasses.replace(PLAN, learning_rate=found["suggestion"])


def test_several_processes_are_refused(make_model, spots):
    options = types.SimpleNamespace(find_lr=False, profile=True)
    with pytest.raises(SettingsError, match="profile=True is for one process"):
        rehearsal.rehearsed(options, None, PLAN, None, None, None, Share(0, 2))


def test_a_tenth_of_the_rate_with_the_lowest_loss():
    """The loss falls in a line until the rate is 0.05, and then doubles with each step."""
    rates = list(np.geomspace(1e-5, 0.05, 60)) + list(np.geomspace(0.06, 1.0, 20))
    losses = list(np.linspace(2.0, 0.5, 60)) + [0.5 * 2.0**i for i in range(2, 22)]
    found = rate_finder.read(rates, losses)
    assert (found.lowest, found.suggestion) == (pytest.approx(0.05), 0.005)
    assert "0.005 is suggested, a tenth of 0.05" in found.sentence
    text = rate_finder.page_of(found, 0.3)
    assert "trains with 0.3" in text and ">0.005</text>" in text
    with pytest.raises(RunError, match="at no learning rate"):
        rate_finder.read(rates, list(np.linspace(1.0, 2.0, 80)))


@pytest.mark.parametrize(
    ("seconds", "bottleneck", "words"),
    [
        ((0.2, 0.19, 0.05, 0.01), "input", "150 ms of the 200 ms of a step are waiting for its 32"),
        ((0.011, 0.001, 0.01, 0.009), "host", "one picture takes 9 ms where 32 take 10 ms"),
        ((0.010, 0.001, 0.004, 0.001), "host", "6 ms pass between the steps"),
        ((1.1, 0.3, 1.05, 0.1), "device", "takes 1.05 s of the 1.1 s of a step, making them 300"),
    ],
)
def test_the_bottleneck_is_named(seconds, bottleneck, words):
    found = profiling.Profile(32, *seconds)
    assert found.bottleneck == bottleneck
    assert f"the {bottleneck} is the bottleneck" in found.sentence and words in found.sentence
