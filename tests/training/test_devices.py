"""Several devices, made of one CPU: in child processes, because a backend counts them only once."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from kapps.training import devices
from tests import forks
from tests.training.conftest import photos

ROOT = Path(__file__).parents[2]


def devices_of_jax(count: int) -> str:
    """XLA_FLAGS that make so many devices of one CPU."""
    flags = os.environ.get("XLA_FLAGS", "")
    return f"{flags} --xla_force_host_platform_device_count={count}".strip()


FOUR_ON_JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": devices_of_jax(4)}
TWO_ON_TENSORFLOW = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kapps.recipes import finetune, train
from kapps.cli.settings import main
job = {"train": train, "finetune": finetune}[sys.argv[1]]
sys.exit(main(job.Settings, job.run, sys.argv[2:]))
"""


def command(script: list[str], digits, out, *more: str) -> list[str]:
    words = [f"data=npz:{digits}", f"out={out}", "model=LeNet5", "augment=none", "epochs=2"]
    return [*script, *words, "batch_size=16", "ema=0.9", *more]


def run(script: list[str], digits, out, env: dict, *more: str):
    return forks.run(command(script, digits, out, *more), {**os.environ, **env})


def rows(out: Path) -> list[tuple[float, float]]:
    history = json.loads((out / "metrics.json").read_text())["history"]
    return [(row["loss"], row["val_loss"]) for row in history]


JOB = ["-m", "kapps.recipes.train"]
ON_TORCH = {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}  # as torchrun has it
TWO_ON_TORCH = """
import sys, torch
torch.cuda.device_count = lambda: 2
from kapps.recipes import finetune, train
from kapps.cli.settings import main
job = {"train": train, "finetune": finetune}[sys.argv[1]]
sys.exit(main(job.Settings, job.run, sys.argv[2:]))
"""
# All of this must see the gradient of all devices. An epoch of 8 batches ends between two updates.
UPDATES = [
    "optimizer=lamb", "clip_adaptive=0.1", "lookahead=2", "layer_decay=0.9", "l2=0.01",
    "accumulate=3", "clip_norm=0.5",
]  # fmt: skip
# torch wants a process for each device.
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.mark.parametrize(
    ("script", "env", "devices", "how"),
    [
        # Two devices of JAX do it in tests/tasks/test_own_task.py.
        pytest.param(JOB, FOUR_ON_JAX, 4, [], marks=pytest.mark.sweep),
        (["-c", TWO_ON_TENSORFLOW, "train"], {"KERAS_BACKEND": "tensorflow"}, 2, UPDATES),
    ],
    ids=["jax", "tensorflow"],
)
def test_many_devices_train_as_one_does(digits, tmp_path, script, env, devices, how):
    """Those of torch are in test_replicas.py."""
    one = run(script, digits, tmp_path / "one", env, *how)
    many = run(script, digits, tmp_path / "many", env, "--distribute", *how)
    train_alike(one, many, tmp_path, devices)


def train_alike(one, many, folder: Path, devices: int) -> None:
    """What `folder`/many is to be, beside `folder`/one."""
    assert one.returncode == 0, one.stderr
    assert many.returncode == 0, many.stderr
    assert f"{devices} device(s)" in many.stderr
    np.testing.assert_allclose(rows(folder / "one"), rows(folder / "many"), rtol=1e-3)
    files = {path.name for path in (folder / "many").iterdir()}
    assert {"best.keras", "last.keras"} <= files


@pytest.mark.parametrize(
    ("env", "more", "sentence"),
    [
        ({"KERAS_BACKEND": "jax"}, [], "jax sees cpu:0 only"),
        (FOUR_ON_JAX, ["batch_size=18"], "batch_size=18 cannot be shared by 4 devices"),
        ({"KERAS_BACKEND": "torch"}, [], "torch sees cpu only"),
        ({"KERAS_BACKEND": "tensorflow"}, ["batch_size=17"], "batch_size=17 cannot be shared by 2"),
    ],
)
def test_what_cannot_be_distributed_says_so(digits, tmp_path, env, more, sentence):
    on_tensorflow = env["KERAS_BACKEND"] == "tensorflow"
    script = ["-c", TWO_ON_TENSORFLOW, "train"] if on_tensorflow else JOB
    done = run(script, digits, tmp_path / "run", env, "--distribute", *more)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def tiny():
    """A network with the layers of MobileNetV2, few enough to be compiled quickly."""
    import keras

    from kapps.layers import PREPROCESSING, Blocks, Network, normalize

    spec = {"application": "Tiny", "size": 32, "crop_pct": 1.0, "interpolation": "bilinear"}
    nn, image = Blocks(), keras.Input((32, 32, 3), name="image")
    x = normalize(image, PREPROCESSING["unit"], "channels_last", spec)
    x = nn.conv_norm_act(x, 8, 3, strides=2, name="stem")
    x = nn.depthwise_norm_act(x, 3, name="stage1_depthwise")
    x = nn.conv_norm_act(x, 13, activation=False, name="stage1_project")
    x = nn.global_avg_pool(x, name="avg_pool")
    return Network(image, nn.dense(x, 5, "softmax", name="predictions"), name="tiny")


def mobilenet():
    from kapps import applications

    return applications.MobileNetV2(weights=None, alpha=0.35, input_shape=(32, 32, 3))


@pytest.mark.parametrize("make", [tiny, pytest.param(mobilenet, marks=pytest.mark.sweep)])
@pytest.mark.parametrize(
    ("script", "env"),
    [
        (["-m", "kapps.recipes.finetune"], FOUR_ON_JAX),
        (["-c", TWO_ON_TENSORFLOW, "finetune"], {"KERAS_BACKEND": "tensorflow"}),
        (["-c", TWO_ON_TORCH, "finetune"], ON_TORCH),
    ],
    ids=["jax", "tensorflow", "torch"],
)
def test_many_devices_finetune_a_file(tmp_path, script, env, make):
    """With numbers of images and features that the devices cannot share evenly."""
    network = tmp_path / "network.keras"
    make().save(network)
    folder = photos(tmp_path / "photos", ("dark", "bright"))
    done = run(
        script, folder, tmp_path / "run", env, f"data=folder:{folder}", f"model={network}",
        "--distribute", "epochs_head=3", "batch_size_head=7", "epochs=1", "train_norms=true",
        "batch_size=8", "augment=randaugment", "ema=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    history = json.loads((tmp_path / "run" / "metrics.json").read_text())["history"]
    assert [row["stage"] for row in history] == ["head"] * 3 + ["finetune"]
    assert done.stdout.count("best: ") == 1  # one process speaks


def test_the_next_batch_is_on_its_way_when_one_is_given_out():
    asked = []

    def batches():
        for number in range(4):
            asked.append(number)
            yield number

    ahead = devices._ahead(batches())
    assert next(ahead) == 0 and asked == [0, 1]
    assert next(ahead) == 1 and asked == [0, 1, 2]
    assert list(ahead) == [2, 3]
    assert list(devices._ahead(iter(()))) == []


def test_a_torch_gpu_is_fed_from_pinned_memory(monkeypatch):
    """No machine of ours has one: the calls are what can be looked at."""
    torch = pytest.importorskip("torch")
    calls = []

    class Tensor:
        def pin_memory(self):
            calls.append("pinned")
            return self

        def to(self, device, non_blocking):
            calls.append((device, non_blocking))
            return self

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "from_numpy", lambda array: Tensor())
    batch = np.zeros((2, 3), "uint8"), np.zeros(2, "int32")
    assert len(list(devices._torch_feed(iter([batch, batch])))) == 2
    assert calls == ["pinned", ("cuda", True)] * 4
