import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kapps.recipes
from kapps import tasks
from kapps.cli.settings import parse
from kapps.errors import SettingsError
from kapps.recipes import finetune, recipes, train
from tests.tasks import detectors

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
    text = " ".join(line.strip("# ") for line in header)
    assert any(word in text for word in ("Measured", "Cited", "No figure was measured"))
    known = "unknown|No figure"  # or it says that it is not
    assert re.search(f"GPU|TPU|CPU|core|thread|{known}", text)
    assert re.search(f"hour|day|week|minute|second|no time|No time|{known}", text)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_its_settings_go_together(path):
    """As far as that can be told without the data: ranges, task, model and its arguments."""
    from kapps.applications import named
    from kapps.data import augment, moving
    from kapps.training import optimization, resolving, schedules

    words = next(line for line in path.read_text("utf-8").splitlines() if "--config" in line)
    _, job, *words = words.strip("# ").split()
    settings = parse({"train": train, "finetune": finetune}[job].Settings, words)
    settings = resolving.resolve(settings, least_epochs=0 if job == "finetune" else 1)
    app = named.bound(settings.model, None, named.arguments_of(settings.arguments))
    assert app.spec.size >= 28
    moving.check(augment.policy(settings.augment), tasks.make(settings).annotation)
    optimization.check(settings)
    schedules.check(settings)


ALWAYS = "lenet5_digits"  # the one of which a step is part of `make test`
HERE = ("EfficientNetLite0", "SSDLite320EfficientNetLite0", "EfficientDetLite0", "DeepLabV3Plus",
        "LRASPPEfficientNetLite0")  # fmt: skip
SIZES = {
    "SSD300VGG16": 300,
    "SSD512VGG16": 512,
    "FastRCNNVGG16": 128,
    "EfficientDetLite0": 128,
    "SSDLite320EfficientNetLite0": 128,
    "RTDETRResNet50": 128,
}


def fake(annotation, folder):
    """An address of a few pictures with classes, boxes or masks."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (12, 64, 64, 3)).astype("uint8")
    if annotation == "boxes":
        detectors.photos(folder / "voc")
        return f"voc:{folder}/voc"
    if annotation == "objects":
        return detectors.outlined(folder)
    if annotation == "mask":
        for name in ("images", "masks"):
            (folder / "masks" / name).mkdir(parents=True)
        for i, pixels in enumerate(images):
            Image.fromarray(pixels).save(folder / "masks" / "images" / f"{i}.png")
            mask = rng.integers(0, 3, (64, 64)).astype("uint8")
            Image.fromarray(mask).save(folder / "masks" / "masks" / f"{i}.png")
        return f"masks:{folder}/masks"
    np.savez(folder / "fake.npz", images=images, labels=np.arange(12) % 3)
    return f"npz:{folder / 'fake.npz'}"


@pytest.mark.parametrize(
    "path",
    [p if p.stem == ALWAYS else pytest.param(p, marks=pytest.mark.sweep) for p in CONFIGS],
    ids=lambda path: path.stem,
)
def test_a_step_of_it_on_fake_pictures(path, tmp_path):
    words = next(line for line in path.read_text("utf-8").splitlines() if "--config" in line)
    _, job, *words = words.strip("# ").split()
    cls = {"train": train, "finetune": finetune}[job]
    plain = parse(cls.Settings, words)
    annotation = tasks.make(plain).annotation
    changes = {"data": fake(annotation, tmp_path), "out": str(tmp_path / "run"), "epochs": 1}
    changes |= {"batch_size": 4, "warmup_epochs": 0.0, "tensorboard": False, "val": None}
    if plain.progressive:
        changes |= {"epochs": 2, "progressive_stages": 2}  # an epoch of each size
    if annotation != "class":
        changes |= {"size": SIZES.get(plain.model, 64), "decay_epochs": (), "schedule": "cosine"}
        changes |= {"augment": "letterbox+flip", "precision": "float32", "batch_size": 2}
    backbone = any("EfficientNetLite0" in word for word in plain.arguments)
    if job == "finetune" and plain.model not in HERE and not backbone:
        if annotation == "class":
            pytest.skip("its weights cannot be downloaded here")
        # Its weights cannot be downloaded here: from random ones, with what else it says.
        same = [field.name for field in dataclasses.fields(train.Settings)]
        taken = {name: getattr(plain, name) for name in same if hasattr(plain, name)}
        cls = train
        plain = train.Settings(**{**taken, "learning_rate_scales": ()})
        changes["arguments"] = ()
    elif job == "finetune" and annotation == "class":
        changes |= {"epochs_head": 1, "arguments": (), "weights": None}
        changes["epochs"] = min(plain.epochs, 1)
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
