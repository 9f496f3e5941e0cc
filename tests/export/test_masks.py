"""A segmenter's files: masks as Keras has them, and what lies beside them."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kapps import tasks
from kapps.applications import SegNet, UNet
from kapps.export import export, runners


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """The files of a small U-Net, judged by photos whose truth is what it says of them."""
    keras.utils.set_random_seed(2)
    model = UNet(classes=3, filters=2, norm=False, input_shape=(32, 32, 3))
    root = tmp_path_factory.mktemp("masks")
    for name in ("images", "masks"):
        (root / name).mkdir()
    (root / "classes.txt").write_text("sky\ntree\nroad\n")
    images = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3)).astype("uint8")
    for i, mask in enumerate(model.predict(images, verbose=0).argmax(-1)):
        Image.fromarray(images[i]).save(root / f"images/{i}.png")
        Image.fromarray(mask.astype("uint8")).save(root / f"masks/{i}.png")
    uri, names = f"masks:{root}", ["sky", "tree", "road"]
    return export(
        model, root / "out", quantize=["float32", "int8"], calibrate=uri, data=uri, labels=names,
        max_drop=60,
    )  # fmt: skip


def test_both_files_see_what_keras_sees(bundles):
    exact, whole = bundles
    check = exact.report["verification"]
    assert (check["metric"], check["keras_miou"]) == ("miou", 1.0)
    assert check["exported_miou"] == pytest.approx(1.0, abs=0.01)
    assert whole.report["verification"]["drop"] <= 60
    assert exact.spec["output"]["kind"] == whole.spec["output"]["kind"] == "masks"
    assert whole.spec["output"]["dtype"] == "uint8"
    assert "RESIZE_NEAREST_NEIGHBOR" not in exact.spec["ops"]
    assert all(bundle.report["milliseconds"] > 0 for bundle in bundles)


def test_the_golden_mask_is_that_of_the_file(bundles):
    for bundle in bundles:
        golden = json.loads((bundle.path / "golden.json").read_text())
        image = np.asarray(Image.open(bundle.path / "golden.png"))
        mask = np.asarray(Image.open(bundle.path / golden["mask"]))
        scores = runners.open_model(bundle.path).predict(image[None])[0]
        assert np.array_equal(scores.argmax(-1), mask)
        assert sum(row["share"] for row in golden["classes"]) == pytest.approx(1)
        assert (bundle.path / golden["drawn"]).is_file()
        assert "fun segment(" in (bundle.path / "README.md").read_text()
        assert tasks.of_spec(bundle.spec).annotation == "mask"


@pytest.mark.sweep
def test_segnet_puts_values_back_in_a_file_as_keras_does(tmp_path):
    keras.utils.set_random_seed(2)
    bundle = export(
        SegNet(classes=3, input_shape=(32, 32, 3)), tmp_path / "out", labels=list("abc")
    )
    assert bundle.report["verification"]["max_difference"] < 1e-4
