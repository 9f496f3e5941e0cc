"""What the bar of a training says beside the loss."""

import contextlib
import re

import numpy as np
import pytest

from kapps.training import devices, progress


def test_speed_is_that_between_two_looks():
    speed = progress.Speed(32)
    speed.mark(1, now=100.0)  # which holds the compilation
    assert speed.notes() == []
    speed.mark(11, now=102.0)
    assert speed.rate == pytest.approx(160) and speed.notes() == ["160 images/s"]
    speed.mark(12, now=112.0)
    assert speed.notes() == ["3.2 images/s"]


def test_speed_of_unknown_batches_is_not_said():
    speed = progress.Speed(None)
    speed.mark(1, now=0.0)
    speed.mark(2, now=1.0)
    assert speed.notes() == []


def test_memory_is_that_of_the_process():
    before = devices._resident()
    held = np.ones(200_000_000, np.uint8)
    grown = devices._resident() - before
    assert 150e6 < grown < 250e6 and held[0]
    assert re.fullmatch(r"\d+\.\d GB", devices.memory_notes()[0])


def test_the_bar_of_an_epoch_says_loss_speed_and_memory(make_model, spots, monkeypatch):
    from kapps.training import engine

    said = []

    @contextlib.contextmanager
    def bar(*_, **__):
        yield lambda _done, note=None: said.append(note)

    monkeypatch.setattr(progress, "bar", bar)
    monkeypatch.setattr(progress, "INTERVAL", -1.0)
    engine.fit(make_model(), spots, None, engine.Plan("train", 1, 0.01))
    assert len(said) == spots.steps
    assert re.fullmatch(r"loss \d\.\d{4}  [\d,.]+ images/s  \d+\.\d GB", said[-1])
