"""New layers that train on maps which the frozen network below them made once."""

import keras
import numpy as np
import pytest

from kapps import data, tasks, training
from kapps.errors import SettingsError
from kapps.layers import Network
from kapps.recipes import _head, finetune
from kapps.runs import Run
from kapps.tasks.detection import Detection
from kapps.training import maps
from kapps.training.pictures import Pictures
from tests.tasks.detectors import SIZE, network, photos


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    uri = photos(tmp_path_factory.mktemp("maps"))
    return data.load(uri, annotation="boxes", size=SIZE, split="train", batch_size=3)


def test_both_parts_are_the_whole():
    model = network()
    new = Detection().fresh(model)
    below, above = maps.parted(model, new)
    x = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3)).astype("float32")
    kept = tuple(keras.tree.flatten(below(x)))
    assert [tuple(one.shape) for one in kept] == [(2, 8, 8, 32)]
    for key, value in above(kept).items():
        np.testing.assert_allclose(value, model(x)[key], rtol=1e-5, atol=1e-5)
    with pytest.raises(SettingsError, match="no layers below its new ones"):
        maps.parted(Network(model.inputs, model.output), model.layers)


def test_new_layers_learn_and_others_do_not(plain, monkeypatch):
    model, task = network(), maps.OnMaps(Detection(), plain.images, 4, seed=1)
    fresh = {layer.name for layer in task.fresh(model)}
    for layer in model.layers:
        layer.trainable = layer.name in fresh
    before = {w.path: np.array(w) for w in model.weights}
    rows = training.fit(model, Pictures(plain), plain, task=task, epochs=6, learning_rate=0.01)
    # Judged is the whole network, on pictures.
    assert rows[-1]["loss"] < rows[0]["loss"] and rows[-1]["val_loss"] < rows[0]["val_loss"]
    moved = [w.path for w in model.weights if (before[w.path] != np.array(w)).any()]
    changed = {path.partition("/")[0] for path in moved}
    assert changed == {layer.name for layer in model.layers if layer.weights} & fresh
    monkeypatch.setattr(maps, "SHARE", 1e-9)
    with pytest.raises(SettingsError, match="the maps of 8 pictures take 0.0 GB, more than"):
        training.fit(model, Pictures(plain), None, task=task, epochs=1)


@pytest.mark.sweep
def test_finetune_begins_with_them(tmp_path):
    how = {"model": "SSDLite320EfficientNetLite0", "data": photos(tmp_path / "voc"), "size": 96}
    how |= {"out": str(tmp_path / "run"), "batch_size": 4, "epochs_maps": 2, "epochs": 1}
    finetune.run(finetune.Settings(**how, unfreeze="none", augment="letterbox", tensorboard=False))
    history = Run.open(tmp_path / "run").metrics["history"]
    assert [row["stage"] for row in history] == ["maps", "maps", "finetune"]
    assert history[1]["loss"] < history[0]["loss"]
    assert all(np.isfinite(row["val_map"]) for row in history)


def test_there_must_be_new_layers():
    settings = finetune.Settings(data="digits", out="run", epochs_maps=2)
    with pytest.raises(SettingsError, match="epochs_maps=2 trains the new layers of a detector"):
        _head.check(settings, tasks.find("classification")(), network())
