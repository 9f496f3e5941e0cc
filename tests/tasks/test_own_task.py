"""The proof of the protocol: the task of consistency.py, which kapps does not know, as users train.

The numbers are those of one device on TensorFlow; every backend, a killed run and two devices come
to the same.
"""

import os

import pytest

from tests import forks
from tests.training.test_devices import ROOT, devices_of_jax, rows

pytestmark = pytest.mark.contract

# Keras casts in the same way on each; `make test-all` looks at all.
ON_TENSORFLOW = [] if os.environ["KERAS_BACKEND"] == "tensorflow" else [pytest.mark.sweep]
HISTORY = [(2.2212, 2.1725), (1.8067, 1.9461)]  # loss, val_loss
HEADER = "stage,epoch,seconds,learning_rate,loss,val_loss"
CHILD = """
import os, sys
backend, where = os.environ["KERAS_BACKEND"], sys.argv[1]
if where == "two" and backend == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
if where == "two" and backend == "torch":
    import torch
    from tests import forks
    torch.cuda.device_count = lambda: 2
    forks.instead_of_spawning()
if where == "dies":
    from tests.training import dying
    dying.in_the_middle_of_an_epoch(1)
from kapps.cli.settings import main
from kapps.recipes import train
sys.exit(main(train.Settings, train.run, sys.argv[2:]))
"""


def train(where: str, digits, out, *more: str):
    words = [
        "model=LeNet5",
        "augment=none",
        "epochs=2",
        "batch_size=16",
        "ema=0.9",
        "validation=0.2",
    ]
    words += [f"data=npz:{digits}", f"out={out}", "task=tests.tasks.consistency:MeanTeacher", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env["XLA_FLAGS"] = devices_of_jax(2 if where == "two" else 1)
    return forks.run(["-c", CHILD, where, *words], env)


@pytest.mark.parametrize(
    ("where", "more", "tolerance"),
    [
        # Where a killed run comes to the numbers, so does one that was not.
        pytest.param("one", [], 1e-4, marks=pytest.mark.sweep),
        ("two", ["--distribute"], 1e-3),
        pytest.param("one", ["precision=mixed_bfloat16"], 3e-2, marks=ON_TENSORFLOW),
    ],
    ids=["one", "two-devices", "bfloat16"],
)
def test_it_trains_to_the_same_numbers(digits, tmp_path, where, more, tolerance):
    done = train(where, digits, tmp_path / "run", *more)
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "run")
    assert [x for row in found for x in row] == pytest.approx(
        [x for row in HISTORY for x in row], rel=tolerance
    )
    assert header(tmp_path / "run") == HEADER


def header(run) -> str:
    return (run / "metrics.csv").read_text().splitlines()[0]


def test_a_killed_run_goes_on(digits, tmp_path):
    dead = train("dies", digits, tmp_path / "run")
    assert dead.returncode == -9
    done = train("one", digits, tmp_path / "run", "--resume")
    assert "continuing after epoch 1" in done.stderr
    assert header(tmp_path / "run") == HEADER
    assert [x for row in rows(tmp_path / "run") for x in row] == pytest.approx(
        [x for row in HISTORY for x in row], rel=1e-4
    )
