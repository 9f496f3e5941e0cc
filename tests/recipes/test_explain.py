"""kapps explain, as a person types it."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from kapps import inspect
from kapps.cli.settings import main
from kapps.recipes import explain

SPOT = (8, 6, 16, 14)  # left, top, right, bottom of what class 1 is about, in pixels of the network


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo of twice the size of a network that finds red squares, and the network."""
    path = tmp_path_factory.mktemp("explain")
    network = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(2, 3, padding="same", activation="relu", name="maps"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, "softmax", name="predictions"),
        ]
    )
    kernel = np.zeros((3, 3, 3, 2), "float32")
    kernel[:, :, 0, 0], kernel[:, :, 1, 1] = 1, 1
    network.get_layer("maps").set_weights([kernel, np.float32([-7, 0])])
    network.layers[-1].set_weights([np.float32([[-20, 20], [0, 0]]), np.zeros(2, "float32")])
    network.save(path / "finder.keras")
    (path / "labels.txt").write_text("nothing\nred\n")
    photo = np.full((48, 48, 3), 20, "uint8")
    photo[40:, :8] = (0, 255, 0)
    photo[2 * SPOT[1] : 2 * SPOT[3], 2 * SPOT[0] : 2 * SPOT[2]] = (255, 0, 0)
    Image.fromarray(photo).save(path / "photo.png")
    return path


def said(folder, *words):
    return explain.run(
        explain.Settings((str(folder / "photo.png"),), str(folder / "finder.keras"), **dict(words))
    )


def test_heat_has_a_box_and_a_picture(folder, tmp_path, capsys):
    out = str(tmp_path / "seen")
    (row,) = said(folder, ("save", out), ("json", True))
    assert json.loads(capsys.readouterr().out) == [row]
    assert (row["index"], row["label"], row["layer"]) == (1, "red", "maps")
    assert np.abs(np.subtract(row["box"], 2 * np.array(SPOT))).max() <= 4
    (file,) = row["files"]
    with Image.open(file) as picture:
        assert file == f"{out}/photo_grad-cam.png" and picture.size == (24, 24)


def test_integrated_gradients_say_how_complete_they_are(folder):
    (row,) = said(folder, ("method", "integrated-gradients"), ("class_", "nothing"), ("steps", 64))
    assert row["index"] == 0 and row["difference"] < -0.1
    assert row["sum"] == pytest.approx(row["difference"], rel=0.05)


def test_layers_filters_and_the_deconvnet(folder, tmp_path):
    out = ("save", str(tmp_path))
    (row,) = said(folder, ("method", "filters"), ("layer", "maps"), out)
    assert row["shape"] == [2, 3, 3, 3]
    (row,) = said(folder, ("method", "maps"), ("layer", "maps"), out)
    assert row["shape"] == [24, 24, 2]
    (row,) = said(folder, ("method", "deconvnet"), ("layer", "maps"), ("channel", 0), out)
    assert row["value"] == pytest.approx(9 - 7, rel=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {
        "photo_filters.png", "photo_maps.png", "photo_deconvnet.png",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--class", "rad"], "class='rad' is no class of"),
        (["--layer", "map"], "has no layer 'map'; did you mean 'maps'?"),
        (["--method", "deconvnet"], "add --layer and --channel"),
        (["--method", "attention"], "has no attention layers"),
        (["--method", "occlusion", "--layer", "maps"], "has no effect on occlusion"),
    ],
)
def test_what_does_not_fit_is_said(folder, words, sentence, capsys):
    model = str(folder / "finder.keras")
    assert (
        main(explain.Settings, explain.run, [str(folder / "photo.png"), "--model", model, *words])
        == 2
    )
    assert sentence in capsys.readouterr().err


def test_the_methods_are_those_of_inspect():
    assert explain.HEAT == inspect.METHODS
