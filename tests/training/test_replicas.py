"""Several torch devices: a process for each, here two of them on the CPU."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.test_devices import JOB, ROOT, TORCHRUN, command, rows, run

ON_TORCH = {"KERAS_BACKEND": "torch"}
TWO_ON_TORCH = """
import sys, torch
torch.cuda.device_count = lambda: 2
from kapps.recipes import finetune, train
from kapps.settings import main
job = {"train": train, "finetune": finetune}[sys.argv[1]]
sys.exit(main(job.Settings, job.run, sys.argv[2:]))
"""


def test_a_killed_run_of_many_processes_goes_on(digits, tmp_path):
    script = ["-c", TWO_ON_TORCH, "train"]
    whole = run(script, digits, tmp_path / "whole", ON_TORCH, "--distribute", "epochs=3")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "killed"
    words = command(script, digits, out, "--distribute", "epochs=3")
    process = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **ON_TORCH}, start_new_session=True
    )
    while not (out / "backup" / "train.npz").exists():  # of the first epoch
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    again = run(script, digits, out, ON_TORCH, "--distribute", "epochs=3", "--resume")
    assert again.returncode == 0, again.stderr
    assert "continuing after epoch" in again.stderr
    assert rows(out) == rows(tmp_path / "whole")


def test_many_processes_finetune(tmp_path):
    """The leading one trains the head; the others begin with its weights, not with their own."""
    from kapps import applications

    network = tmp_path / "network.keras"
    applications.MobileNetV2(weights=None, alpha=0.35, input_shape=(32, 32, 3)).save(network)
    folder = photos(tmp_path / "photos", ("dark", "bright"))
    done = run(
        ["-c", TWO_ON_TORCH, "finetune"], folder, tmp_path / "run", ON_TORCH, f"data={folder}",
        f"model={network}", "--distribute", "epochs_head=3", "epochs=1", "train_norms=true",
        "batch_size=4", "ema=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    history = json.loads((tmp_path / "run" / "metrics.json").read_text())["history"]
    assert [row["stage"] for row in history] == ["head"] * 3 + ["finetune"]
    assert done.stdout.count("best: ") == 1  # one process speaks


@pytest.mark.parametrize("script", [["-c", TWO_ON_TORCH, "train"], [*TORCHRUN, *JOB]])
def test_an_error_in_one_of_many_processes_is_one_sentence(tmp_path, digits, script):
    folder = photos(tmp_path / "photos", ("dark",))
    done = run(script, digits, tmp_path / "run", ON_TORCH, f"data={folder}", "--distribute")
    assert "has one class, 'dark'; a classifier needs two or more" in done.stderr
    assert not (tmp_path / "run").exists()
    if "-c" in script:  # torchrun has its own way to report
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def photos(folder: Path, classes: tuple[str, ...]) -> Path:
    random = np.random.default_rng(0)
    for i, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for j in range(10):
            pixels = random.integers(0, 128, (32, 32, 3)) + 127 * i
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{j}.png")
    return folder
