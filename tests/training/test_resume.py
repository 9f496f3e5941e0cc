"""kill -9 at any moment, then --resume: the end is that of an undisturbed run."""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kapps import runs
from kapps.errors import RunError
from kapps.recipes import train
from tests import forks

ROOT = Path(__file__).parents[2]
DYING = Path(__file__).with_name("dying.py")
ON_TENSORFLOW = os.environ["KERAS_BACKEND"] == "tensorflow"
# (where, epoch that is lost or not): each child dies further on.
DEATHS = (
    ("in_the_middle_of_an_epoch", 1),
    ("while_the_backup_is_written", 2),
    ("between_backup_and_table", 3),
)


def settings(digits, out, **changes) -> dict:
    """All that has state: averages, half-done accumulation, Dropout, DropConnect, augmentation."""
    values = {
        "model": "LeNet5",
        "data": f"npz:{digits}",
        "out": str(out),
        "augment": "digits",
        "arguments": ("dropout=0.3",),
        "drop_connect": 0.2,
        "epochs": 4,
        "batch_size": 16,
        "ema": 0.9,
        "accumulate": 4,  # 6 batches an epoch: an update is under way when the epoch ends
        "weight_decay": 0.05,
    }
    return {**values, **changes}


def words(values: dict) -> list[str]:
    text = {k: ",".join(v) if isinstance(v, tuple) else str(v) for k, v in values.items()}
    return [f"{name}={value}" for name, value in text.items()]


def child(*argv: str) -> subprocess.CompletedProcess:
    return forks.run(list(argv), dict(os.environ))


def weights(run: runs.Run, which: str) -> list[np.ndarray]:
    return [np.array(w) for w in run.load_model(which).get_weights()]


def table(run: runs.Run) -> list[dict]:
    return [{k: v for k, v in r.items() if k != "seconds"} for r in run.metrics["history"]]


@pytest.mark.contract
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param(DEATHS[:1], marks=[pytest.mark.sweep] if ON_TENSORFLOW else []),
        # How files are written is one for all backends.
        pytest.param(DEATHS, marks=[] if ON_TENSORFLOW else [pytest.mark.sweep]),
    ],
    ids=["once", "three-times"],
)
def test_a_killed_run_ends_where_an_undisturbed_one_does(digits, tmp_path, deaths):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = child("-m", "kapps.recipes.train", *words(settings(digits, whole)))
    assert done.returncode == 0, done.stderr
    argv = words(settings(digits, killed))
    for place, epoch in deaths:
        dead = child(str(DYING), place, str(epoch), "train", *argv, "--resume")
        assert dead.returncode == -signal.SIGKILL, dead.stderr
    done = child("-m", "kapps.recipes.train", *argv, "--resume")
    assert done.returncode == 0, done.stderr
    _, survived = deaths[-1]
    assert f"continuing after epoch {survived}" in done.stderr

    one, two = runs.Run.open(whole), runs.Run.open(killed)
    assert table(one) == table(two)
    assert two.metrics["finished"]
    for which in ("best", "last"):
        for a, b in zip(weights(one, which), weights(two, which), strict=True):
            np.testing.assert_array_equal(a, b)
    with (
        np.load(one.backup / "train.npz") as a,
        np.load(two.backup / "train.npz") as b,
    ):
        assert a.files == b.files
        for name in set(a.files) - {"progress"}:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_head_keeps_its_best_epoch(digits, tmp_path):
    """The best epoch may lie before the death: it must be in the backup, whole."""
    start = tmp_path / "start"
    train.run(train.Settings(**settings(digits, start, epochs=1, ema=0.0, accumulate=1)))

    def argv(out):
        values = {"model": start, "data": f"npz:{digits}", "out": out, "batch_size": 16}
        head = {"epochs_head": 5, "learning_rate_head": 2.0, "label_smoothing": 0.0}
        return words({**values, **head, "epochs": 1, "augment": "none", "weight_decay": 0.0})

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = child("-m", "kapps.recipes.finetune", *argv(whole))
    assert done.returncode == 0, done.stderr
    for place, epoch in DEATHS[1:]:
        dead = child(str(DYING), place, str(epoch), "finetune", *argv(killed), "--resume")
        assert dead.returncode == -signal.SIGKILL, dead.stderr
    done = child("-m", "kapps.recipes.finetune", *argv(killed), "--resume")
    assert done.returncode == 0, done.stderr
    one, two = runs.Run.open(whole), runs.Run.open(killed)
    assert table(one) == table(two)
    best = runs.best_row(
        [row for row in table(one) if row["stage"] == "head"], runs.Metric("accuracy")
    )
    assert best["epoch"] < 5  # else this proves nothing
    for which in ("best", "last"):
        for a, b in zip(weights(one, which), weights(two, which), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture
def interrupted(digits, tmp_path, monkeypatch):
    """A run that Ctrl-C stopped in its second epoch."""
    from kapps.training import engine

    values = settings(digits, tmp_path / "run", epochs=2, ema=0.0, accumulate=1)
    plain = engine.Recorder.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        plain(self, batch, logs)
        if self.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine.Recorder, "on_train_batch_end", on_train_batch_end)
        with pytest.raises(KeyboardInterrupt):
            train.run(train.Settings(**values))
    return values


def test_ctrl_c_leaves_a_run_and_says_how_to_go_on(interrupted, capsys):
    from kapps.cli.settings import main

    path = Path(interrupted["out"])
    command = f"kapps train --config {path / 'settings.yaml'} --resume"
    assert main(train.Settings, train.run, command.split()[2:]) == 0
    result = runs.Run.open(path).metrics
    assert [row["epoch"] for row in result["history"]] == [1, 2]
    assert "continuing after epoch 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "found", "left"),
    [
        (KeyboardInterrupt, None, False),
        (ValueError, None, False),
        (KeyboardInterrupt, "metrics.json", True),
        (ValueError, "metrics.json", True),
        (ValueError, "learning_rate.json", True),
        (KeyboardInterrupt, "backup", True),  # the features of a frozen network
        (ValueError, "backup", False),
    ],
)
def test_what_ends_before_there_is_anything_leaves_nothing(tmp_path, capsys, error, found, left):
    """So that the same --out can be tried again with other settings."""
    from kapps.training import job

    path = tmp_path / "run"
    values = train.Settings(data="digits", model="LeNet5", out=str(path))
    run = job.begin(values, "train", ["a"], {})
    with pytest.raises(error), job.continuable(run, "train"):
        if found:
            (path / found).mkdir()
        raise error
    assert path.exists() is left
    said = "stopped; continue with: kapps train" in capsys.readouterr().err
    assert said is (left and error is KeyboardInterrupt)


def test_changed_settings_are_refused_by_name(interrupted):
    changed = train.Settings(**{**interrupted, "epochs": 3, "resume": True})
    with pytest.raises(RunError, match="epochs=2, not 3"):
        train.run(changed)
    with pytest.raises(RunError, match="add --resume"):
        train.run(train.Settings(**interrupted))


def test_a_finished_run_resumes_to_its_result(digits, tmp_path):
    values = settings(digits, tmp_path / "run", epochs=1)
    first = train.run(train.Settings(**values))
    before = weights(runs.Run.open(tmp_path / "run"), "last")
    again = train.run(train.Settings(**values, resume=True))
    assert again["best"] == first["best"]
    for a, b in zip(before, weights(runs.Run.open(tmp_path / "run"), "last"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_message_of_ctrl_c(digits, tmp_path):
    """In a real process: exit status 130 and the command that continues."""
    out = tmp_path / "run"
    done = child(str(DYING), "by_ctrl_c", "1", "train", *words(settings(digits, out)))
    assert done.returncode == 130, done.stderr
    assert f"kapps train --config {out / 'settings.yaml'} --resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(runs.Run.open(out).metrics["history"]) == 1
