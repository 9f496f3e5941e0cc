import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from kapps import layers, runs, tasks
from kapps.applications import named, resnet_cifar
from kapps.cli.settings import from_yaml, main
from kapps.errors import KappsError
from kapps.recipes import train
from kapps.training import pictures, resolving


def settings(tmp_path, **changes) -> train.Settings:
    values = {"model": "LeNet5", "data": "digits", "out": str(tmp_path / "run"), "epochs": 1}
    return train.Settings(**{**values, **changes})


@pytest.mark.contract
def test_lenet_learns_the_digits(tmp_path):
    result = train.run(settings(tmp_path, epochs=2, batch_size=64))
    assert result["best"]["val_accuracy"] > 0.8
    assert result["epochs"] == 2
    run = tmp_path / "run"
    assert (run / "labels.txt").read_text().split() == list("0123456789")
    spec = json.loads((run / "spec.json").read_text())
    assert (spec["application"], spec["size"], spec["channels"]) == ("LeNet5", 32, 1)
    assert spec["crop_pct"] == 1.0  # the digits touch their border
    resolved = from_yaml(train.Settings, run / "settings.yaml")
    assert (resolved.learning_rate, resolved.augment) == (0.001, "digits")


def test_the_checkpoint_loads_with_kapps_alone(tmp_path):
    train.run(settings(tmp_path))
    code = (
        "import kapps, keras, numpy;"
        f"m = keras.saving.load_model({str(tmp_path / 'run' / 'best.keras')!r});"
        "print(m.predict(numpy.zeros((2, 32, 32, 1)), verbose=0).shape,"
        " any(isinstance(layer, keras.Model) for layer in m.layers))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[-2] == "(2, 10) False", done.stderr


def test_two_trainings_with_one_seed_are_equal(tmp_path):
    rows = [
        train.run(settings(tmp_path, out=str(tmp_path / name), batch_size=64))["best"]
        for name in ("a", "b")
    ]
    assert rows[0]["loss"] == rows[1]["loss"]


def test_mixed_images_half_precision_and_sgd(tmp_path):
    options = {"mix": "mixup+cutmix", "precision": "mixed_bfloat16", "optimizer": "sgd"}
    result = train.run(settings(tmp_path, **options, batch_size=128, augment="default"))
    assert np.isfinite(result["best"]["loss"])


def test_all_images_train_when_none_judges(tmp_path):
    result = train.run(settings(tmp_path, validation=0.0, batch_size=128))
    assert "val_accuracy" not in result["best"]
    assert (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "LeNet6"}, "LeNet5"),
        ({"model": "timm/nothing"}, "timm/nothing"),
        ({"data": "folder:/nowhere"}, "/nowhere"),
        ({"arguments": ("alpha",)}, "alpha=0.5"),
        ({"arguments": ("beta=1",)}, "beta"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 5000}, "batch"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"label_smoothing": -0.1}, "label_smoothing=-0.1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"warmup_epochs": 9.0}, "warmup_epochs"),
        ({"augment": "confetti"}, "confetti"),
        ({"size": 8}, "8"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_settings_leave_nothing_behind(tmp_path, changes, sentence):
    with pytest.raises((KappsError, ValueError, TypeError), match=sentence):
        train.run(settings(tmp_path, **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("epoch=3", "epochs"),
        ("--epochs=three", "epochs"),
        ("optimizer=adamax", "adamw"),
        ("precision=float64", "float32"),
    ],
)
def test_the_command_line_refuses_in_one_line(tmp_path, capsys, word, sentence):
    words = ["model=LeNet5", "data=digits", f"out={tmp_path / 'run'}", word]
    assert main(train.Settings, train.run, words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_pictures_grow_and_the_model_is_for_larger_ones(tmp_path, monkeypatch):
    """Two sizes to train on, a third to judge by; killed between them, the run goes on."""
    from sklearn.datasets import load_digits

    monkeypatch.setattr(named, "get", lambda _: resnet_cifar._application(8))
    data = load_digits()
    images = np.rint(data.images[:96] * (255 / 16)).astype("uint8")
    np.savez(tmp_path / "digits.npz", images=images, labels=data.target[:96])
    how = settings(
        tmp_path, data=f"npz:{tmp_path / 'digits.npz'}", model="ResNet8", size=48, test_size=64,
        progressive=32, progressive_stages=2, epochs=2, batch_size=16, ema=0.9, warmup_epochs=0.0,
        augment="randaugment", tensorboard=False, norm_momentum="0.5",
    )  # fmt: skip
    result = train.run(how)
    run = runs.Run.open(tmp_path / "run")
    rows = run.metrics["history"]
    assert [(row["stage"], row["epoch"]) for row in rows] == [("size32", 1), ("size48", 2)]
    # The cosine is that of both: half of the peak after the first, nothing after the second.
    assert [row["learning_rate"] for row in rows] == pytest.approx([5e-4, 0], abs=1e-9)
    model = run.load_model("last")
    assert model.input_shape == (None, 64, 64, 3)
    assert run.spec["size"] == 64 and layers.spec_of(model)["size"] == 64
    task = tasks.of_spec(run.spec)
    splits = pictures.Splits(resolving.resolve(how), run.spec, 64, 3, task=task)
    judged = task.judge(model, pictures.Pictures(splits.validation()))
    assert judged["loss"] == pytest.approx(rows[1]["val_loss"], rel=1e-4)
    (run.backup / "size48.npz").unlink()
    again = train.run(dataclasses.replace(how, resume=True))
    assert again["best"]["loss"] == result["best"]["loss"]


@pytest.mark.sweep
def test_sizes_change_by_chance_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    from kapps.training import resizing

    monkeypatch.setattr(named, "get", lambda _: resnet_cifar._application(8))
    images = np.random.default_rng(0).integers(0, 255, (48, 40, 40, 3)).astype("uint8")
    np.savez(tmp_path / "fake.npz", images=images, labels=np.arange(48) % 3)
    how = settings(
        tmp_path, data=f"npz:{tmp_path / 'fake.npz'}", model="ResNet8", size=48, sizes=(32, 48),
        epochs=4, batch_size=16, warmup_epochs=0.0, tensorboard=False, norm_momentum="0.5", seed=3,
    )  # fmt: skip
    result = train.run(how)
    stages = resizing.drawn((32, 48), 1, 4, 3)
    assert len(stages) > 1
    run = runs.Run.open(tmp_path / "run")
    rows = run.metrics["history"]
    expected = [stage.name for stage in stages for _ in range(stage.begin, stage.end)]
    assert [row["stage"] for row in rows] == expected
    assert run.load_model("last").input_shape == (None, 48, 48, 3)
    # Of the backups the last one is kept, and is enough.
    assert [path.name for path in run.backup.glob("size*.npz")] == [f"{stages[-1].name}.npz"]
    again = train.run(dataclasses.replace(how, resume=True))
    assert again["best"]["loss"] == result["best"]["loss"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sizes": (16, 32), "patience": 3}, "patience=3 looks for a better epoch and sizes goes"),
        ({"sizes": (16, 32), "progressive": 16}, "progressive=16 and sizes both say how large"),
        ({"size_epochs": 3}, "size_epochs=3 has no effect without sizes"),
        ({"progressive": 16, "patience": 3}, "patience=3 looks for a better epoch"),
        ({"progressive": 16, "schedule": "plateau"}, "schedule=plateau looks for a better"),
        ({"progressive_stages": 3}, "progressive_stages=3 has no effect without progressive"),
        ({"progressive": 40}, "progressive=40 does not grow to size=32"),
        ({"test_size": 40}, "lenet5 has weights .* fits one size only"),
        ({"recalibrate": -1}, "recalibrate=-1 is out of range"),
        ({"balance": 2.0}, "balance=2.0 is out of range"),
        ({"recalibrate": 2}, "the BatchNormalization layers of lenet5 are not there"),
    ],
)
def test_what_of_sizes_and_sampling_does_not_fit(tmp_path, changes, sentence):
    with pytest.raises((ValueError, KappsError), match=sentence):
        train.run(settings(tmp_path, **changes))
