"""`kapps benchmark --train`: what it reports, and what it refuses. No test looks at a time."""

import json
import os

import pytest

from kapps.errors import MissingFileError, MissingPackageError, RunError, SettingsError
from kapps.recipes import benchmark

FAKE = """
import torch

def create_model(name):
    if name != "tiny":
        raise RuntimeError(f"Unknown model ({name})")
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(1),
        torch.nn.Linear(4, 10))
"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A timm that knows one network, seen by child processes."""
    (tmp_path / "timm.py").write_text(FAKE)
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)


def settings(**more):
    return benchmark.Settings(
        **{"model": "LeNet5", "train": True, "rounds": 2, "batch_size": 2, **more}
    )


def test_against_timm_in_turns(peer, capsys):
    result = benchmark.run(settings(against="timm/tiny", json=True))
    assert json.loads(capsys.readouterr().out) == result
    ours, theirs = result["models"]
    assert (ours["model"], theirs["model"]) == ("LeNet5", "timm/tiny")
    assert theirs["backend"] == "torch"
    for kind in ("inference", "training"):
        assert 0 < ours[kind]["low"] <= ours[kind]["ms"] <= ours[kind]["high"]
        assert result["against"][kind]["ratio"] > 0
    assert (result["size"], result["batch_size"]) == (32, 2)


def test_a_network_that_timm_does_not_know(peer):
    with pytest.raises(RunError, match=r"timm/huge could not be timed: .*Unknown model \(huge\)"):
        benchmark.run(settings(against="timm/huge"))


@pytest.mark.parametrize("package", ["timm", "torch"])
def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch, package):
    missing = f"raise ModuleNotFoundError('none here', name={package!r})"
    (tmp_path / f"{package}.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(MissingPackageError, match=f"timm/tiny needs .* {package} is not installed"):
        benchmark.run(settings(against="timm/tiny"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": "digits"}, "data does not change the time"),
        ({"threads": 2}, "threads is of .tflite"),
        ({"against": "somewhere/model.keras"}, "there is no model file"),
        ({"against": __file__}, "is a file; train=True times an application"),
    ],
)
def test_what_a_step_does_not_have(wrong, message):
    with pytest.raises((SettingsError, MissingFileError), match=message):
        benchmark.run(settings(**wrong))


def test_settings_of_a_step_without_one():
    with pytest.raises(ValueError, match="belong to a training step"):
        benchmark.run(benchmark.Settings(model="LeNet5", size=32))
