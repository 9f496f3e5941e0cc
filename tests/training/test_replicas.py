"""Several torch devices: a process for each, here two of them on the CPU."""

import os
import signal
import time

import pytest

from tests import forks
from tests.training.conftest import photos
from tests.training.test_devices import (
    JOB,
    ON_TORCH,
    TORCHRUN,
    TWO_ON_TORCH,
    command,
    rows,
    run,
    train_alike,
)

# In test_devices.py they are spawned, as by default.
FORKED = "from tests import forks; forks.instead_of_spawning()"
SCRIPT = ["-c", FORKED + TWO_ON_TORCH, "train"]


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """Where torchrun has trained with two processes, as `many`, and what was said."""
    folder = tmp_path_factory.mktemp("torch")
    script, out = [*TORCHRUN, *JOB], folder / "many"
    return folder, run(script, digits, out, ON_TORCH, "--distribute", "epochs=3")


def test_many_processes_train_as_one_does(digits, whole):
    folder, many = whole
    one = run(JOB, digits, folder / "one", ON_TORCH, "epochs=3")
    train_alike(one, many, folder, 2)


def test_a_killed_run_of_many_processes_goes_on(digits, tmp_path, whole):
    """With processes that the first one starts, to the numbers of those that torchrun started."""
    folder, done = whole
    assert done.returncode == 0, done.stderr
    out = tmp_path / "killed"
    words = command(SCRIPT, digits, out, "--distribute", "epochs=3")
    process = forks.Child(words, {**os.environ, **ON_TORCH})
    while not (out / "backup" / "train.npz").exists():  # of the first epoch
        assert process.lives()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait().returncode == -signal.SIGKILL
    again = run(SCRIPT, digits, out, ON_TORCH, "--distribute", "epochs=3", "--resume")
    assert again.returncode == 0, again.stderr
    assert "continuing after epoch" in again.stderr
    assert rows(out) == rows(folder / "many")


@pytest.mark.parametrize(
    "script",
    [SCRIPT, pytest.param([*TORCHRUN, *JOB], marks=pytest.mark.sweep)],
)
def test_an_error_in_one_of_many_processes_is_one_sentence(tmp_path, digits, script):
    folder = photos(tmp_path / "photos", ("dark",))
    done = run(script, digits, tmp_path / "run", ON_TORCH, f"data={folder}", "--distribute")
    assert "has one class, 'dark'; a classifier needs two or more" in done.stderr
    assert not (tmp_path / "run").exists()
    if "-c" in script:  # torchrun has its own way to report
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
