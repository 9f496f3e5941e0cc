"""Several hosts: two processes that meet on the loopback, on the backend of this pass."""

import contextlib
import json
import os
import socket

import numpy as np
import pytest

from kapps.errors import SettingsError
from kapps.training import hosts
from tests import forks
from tests.training.test_devices import devices_of_jax, rows

BACKEND = os.environ["KERAS_BACKEND"]
ADDRESSES = ("a:1234", "b:1234")


def settings(digits, out, *more: str) -> list[str]:
    words = [f"data=npz:{digits}", f"out={out}", "model=LeNet5", "augment=none", "epochs=3"]
    return [*words, "batch_size=16", "ema=0.9", *more]


def ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def pair(words: list[str], job: str = "train", **environment: str) -> list[tuple[int, str, str]]:
    """Exit status, stdout and stderr of two hosts that train together."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports(2))
    both = ["--distribute", "--hosts", addresses, "--host-index"]
    # No thread pools of the size of the machine for each.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    argv = ["-m", "tests.training.together", job, *words, *both]
    processes = [forks.Child([*argv, str(index)], environment) for index in range(2)]
    ended = [process.wait() for process in processes]
    return [(one.returncode, one.stdout, one.stderr) for one in ended]


def alone(digits, out):
    """The same training in this process."""
    from kapps.cli.settings import parse
    from kapps.recipes import train

    train.run(parse(train.Settings, settings(digits, out)))


@pytest.mark.contract
def test_two_hosts_train_as_one_process_also_after_one_was_lost(digits, tmp_path):
    words = settings(digits, tmp_path / "two")
    for index, (status, _, stderr) in enumerate(pair(words, LOSE_HOST="1", FORK="yes")):
        assert status == 2, stderr
        *_, sentence = stderr.splitlines()
        assert "have lost one" in sentence and sentence.endswith("start all again with --resume.")
        assert ("SIGKILL" in sentence) == (index == 1)
    assert len(rows(tmp_path / "two")) == 1

    leader, other = pair([*words, "--resume"])
    assert leader[0] == other[0] == 0, leader[2] + other[2]
    assert "continuing after epoch 1" in leader[2] and "2 device(s)" in leader[2]
    assert leader[1].count("best: ") == 1 and "best: " not in other[1]  # one process speaks
    alone(digits, tmp_path / "one")
    np.testing.assert_allclose(rows(tmp_path / "two"), rows(tmp_path / "one"), rtol=1e-4)
    for name in ("best.keras", "last.keras", "metrics.csv"):
        assert (tmp_path / "two" / name).exists()


@pytest.mark.contract
@pytest.mark.skipif(BACKEND == "torch", reason="the same as its devices, in test_devices.py")
def test_two_hosts_teach_a_network_new_classes_as_one_process(digits, tmp_path):
    """The first trains the classifier alone, and both go on with it."""
    import keras

    from kapps.cli.settings import parse
    from kapps.recipes import finetune

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="stage1_conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    model = keras.Model(image, keras.layers.Dense(3, "softmax", name="predictions")(x))
    model.save(tmp_path / "network.keras")

    def words(out: str) -> list[str]:
        given = settings(digits, tmp_path / out, f"model={tmp_path / 'network.keras'}")
        return [*(word for word in given if word != "model=LeNet5"), "epochs_head=2"]

    leader, other = pair(words("two"), "finetune", FORK="yes")
    assert leader[0] == other[0] == 0, leader[2] + other[2]
    assert "training the classifier" in leader[2] and "classifier" not in other[2]
    finetune.run(parse(finetune.Settings, words("one")))
    found = rows(tmp_path / "two")
    assert len(found) == 5
    np.testing.assert_allclose(found, rows(tmp_path / "one"), rtol=1e-4)


@pytest.mark.contract
@pytest.mark.skipif(BACKEND != "jax", reason="of keras.distribution")
def test_a_network_cut_within_two_hosts_trains_as_a_whole_one(digits, tmp_path):
    """Each half of the devices of a host holds half of it, and the first saves it whole."""
    import keras

    words = settings(digits, tmp_path / "two", "model_parallel=2")
    for status, _, stderr in pair(words, XLA_FLAGS=devices_of_jax(2)):
        assert status == 0, stderr
    alone(digits, tmp_path / "one")
    np.testing.assert_allclose(rows(tmp_path / "two"), rows(tmp_path / "one"), rtol=1e-4)
    cut, whole = (
        keras.saving.load_model(tmp_path / name / "last.keras").get_weights()
        for name in ("two", "one")
    )
    for mine, theirs in zip(cut, whole, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.fixture
def clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith(hosts.KERAS) or name == "TF_CONFIG":
            monkeypatch.delenv(name)
    return monkeypatch


def test_one_host_needs_no_words(clean):
    assert hosts.find(None, None, "jax") is None


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_hosts_are_named_alike_on_all_backends(clean, backend):
    wanted = hosts.Cluster(ADDRESSES, 1, 2)
    assert hosts.find("a:1234, b:1234", 1, backend) == wanted
    # keras.distribution.initialize documents these three.
    clean.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "a:1234,b:1234")
    clean.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    clean.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "1")
    assert hosts.find(None, None, backend) == wanted


def test_jax_may_know_the_first_host_only(clean):
    clean.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "a:1234")
    clean.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "4")
    clean.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "3")
    assert hosts.find(None, None, "jax") == hosts.Cluster(("a:1234",), 3, 4)
    with pytest.raises(SettingsError, match="lists 1 hosts and .*NUM_PROCESSES is 4"):
        hosts.find(None, None, "torch")
    assert hosts.find("auto", None, "jax") == hosts.Cluster()


@pytest.mark.parametrize(
    ("cluster", "task", "wanted"),
    [
        ({"worker": ADDRESSES}, {"type": "worker", "index": 1}, hosts.Cluster(ADDRESSES, 1, 2)),
        (
            {"chief": ["c:1"], "worker": ADDRESSES},
            {"type": "worker", "index": 0},
            hosts.Cluster(("c:1", *ADDRESSES), 1, 3),
        ),
        ({"worker": ["a:1234"]}, {"type": "worker", "index": 0}, None),
    ],
)
def test_tf_config_is_understood(clean, cluster, task, wanted):
    clean.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert hosts.find(None, None, "tensorflow") == wanted
    assert hosts.find(None, None, "torch") is None


@pytest.mark.parametrize(
    ("text", "index", "backend", "sentence"),
    [
        ("a,b:1", 0, "jax", "the address 'a'; expected name:port"),
        ("a:1,a:1", 0, "jax", "'a:1' twice"),
        ("a:1", 0, "jax", "lists one host, a:1"),
        ("a:1,b:1", 2, "torch", "host_index is 2 and hosts lists 2 hosts; use 0 on the first"),
        ("a:1,b:1", None, "torch", "host_index is missing"),
        ("auto", None, "torch", "asks JAX to find the hosts and this is torch"),
    ],
)
def test_hosts_that_do_not_fit_are_one_sentence(clean, text, index, backend, sentence):
    with pytest.raises(SettingsError, match=sentence):
        hosts.find(text, index, backend)


def test_a_task_that_does_not_train_is_refused(clean):
    task = {"type": "ps", "index": 0}
    clean.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ADDRESSES}, "task": task}))
    with pytest.raises(SettingsError, match="calls this host 'ps'; expected chief or worker"):
        hosts.find(None, None, "tensorflow")
