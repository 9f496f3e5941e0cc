import dataclasses
from pathlib import Path

import numpy as np
import pytest

import kapps.recipes
from kapps import tasks
from kapps.cli.settings import parse
from kapps.errors import SettingsError
from kapps.recipes import finetune, recipes, train

CONFIGS = sorted((Path(kapps.recipes.__file__).parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_configuration_is_what_its_header_says(path):
    """The command of the header parses, and names this very file."""
    header = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    (command,) = (line.strip("# ") for line in header if "--config" in line)
    program, job, *words = command.split()
    assert program == "kapps"
    settings = {"train": train, "finetune": finetune}[job].Settings
    assert parse(settings, words).out == f"runs/{path.stem}"
    assert path.stem in words
    text = " ".join(header)
    assert any(word in text for word in ("Measured", "Cited", "measured"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_its_settings_go_together(path):
    """As far as that can be told without the data: ranges, task, model and its arguments."""
    from kapps.applications import _named
    from kapps.data import augment
    from kapps.training import optimization, options, schedules

    words = next(line for line in path.read_text("utf-8").splitlines() if "--config" in line)
    _, job, *words = words.strip("# ").split()
    settings = parse({"train": train, "finetune": finetune}[job].Settings, words)
    settings = options.resolve(settings, least_epochs=0 if job == "finetune" else 1)
    app = _named.bound(settings.model, None, _named.arguments_of(settings.arguments))
    assert app.spec.size >= 28
    augment.policy(settings.augment)
    optimization.check(settings)
    schedules.check(settings)


@pytest.mark.sweep
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_step_of_it_on_fake_pictures(path, tmp_path):
    words = next(line for line in path.read_text("utf-8").splitlines() if "--config" in line)
    _, job, *words = words.strip("# ").split()
    cls = {"train": train, "finetune": finetune}[job]
    plain = parse(cls.Settings, words)
    if tasks.of_model(plain.model) != tasks.DEFAULT:
        pytest.skip("learns boxes, and the fake pictures have classes")
    images = np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3)).astype("uint8")
    np.savez(tmp_path / "fake.npz", images=images, labels=np.arange(12) % 3)
    changes = {"data": f"npz:{tmp_path / 'fake.npz'}", "out": str(tmp_path / "run"), "epochs": 1}
    changes |= {"batch_size": 4, "warmup_epochs": 0.0, "tensorboard": False}
    if job == "finetune":
        changes |= {
            "epochs_head": 1,
            "arguments": (),
            "weights": None,
            "epochs": min(plain.epochs, 1),
        }
        if plain.model != "EfficientNetLite0":
            pytest.skip("its weights cannot be downloaded here")
    result = cls.run(dataclasses.replace(plain, **changes))
    assert np.isfinite(result["best"]["loss"])


def test_the_list_tells_name_job_and_source(capsys):
    found = {row["name"]: row for row in recipes.run(recipes.Settings())}
    assert set(found) == {path.stem for path in CONFIGS}
    assert found["lenet5_digits"]["job"] == "train"
    assert "lenet5_digits" in capsys.readouterr().out
    recipes.run(recipes.Settings("lenet5_digits"))
    assert capsys.readouterr().out == Path(found["lenet5_digits"]["path"]).read_text("utf-8")
    with pytest.raises(SettingsError, match="'lenet5_digit' is not there; did you mean 'lenet5_"):
        recipes.run(recipes.Settings("lenet5_digit"))
