"""Every application reaches the phone: builtin operators, and the answers of Keras.

`export` itself compares the file with Keras on LiteRT and refuses it where they differ, so a bundle
that exists has passed; see `kapps.export.verify`.
"""

import gc

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import kapps
from kapps import data
from kapps.applications import APPLICATIONS, FAMILIES, facts
from kapps.export import export

pytestmark = pytest.mark.usefixtures("one_child")

# The smaller ones have 120 million weights in two dense layers whatever the size of the image.
INSTEAD = {"vgg": "VGG16"}
SMALLEST = [
    INSTEAD.get(family) or min(names, key=lambda name: facts(name)["params"])
    for family, names in FAMILIES.items()
]
OTHERS = [name for name in APPLICATIONS if name not in SMALLEST]
MOBILE = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetLite0",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "NASNetMobile",
)
LABELS = [f"class {i}" for i in range(10)]


@pytest.fixture(autouse=True)
def _forget_the_last_network():
    """Sixty networks, with what TensorFlow compiled for each, do not fit in memory together."""
    yield
    keras.backend.clear_session()
    gc.collect()


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Address of 128 pieces of scikit-learn's two photographs, 128 pixels wide."""
    photos, rng = load_sample_images().images, np.random.default_rng(0)
    corners = rng.integers((0, 0, 0), (len(photos), 427 - 128, 640 - 128), (128, 3))
    images = np.stack([photos[i][y : y + 128, x : x + 128] for i, y, x in corners])
    path = tmp_path_factory.mktemp("pieces") / "pieces.npz"
    np.savez(path, images=images, labels=np.arange(128) % 10)
    return f"npz:{path}"


def small(name, pieces):
    """The network at a size that converts quickly, with random weights under live statistics.

    One pass over photographs fills the statistics of every BatchNorm: without it the signal of an
    untrained deep network fades to 1e-20, where no comparison means anything. A tenth of the
    initial variance stays: random networks under exact statistics are chaotic, and a rounding
    becomes another answer. It gives logits: the softmax of an untrained network is flat, finer
    than a step of uint8.
    """
    keras.utils.set_random_seed(0)
    app = getattr(kapps.applications, name)
    side = min(app.size, max(64, app.min_size))
    shape = (side, side, app.channels)
    model = app(weights=None, input_shape=shape, classes=10, classifier_activation=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.1
    images, _ = next(iter(data.load(pieces, size=side, channels=app.channels, batch_size=64)))
    model(images.astype("float32"), training=True)
    return model


def equals_keras(name, folder, pieces):
    bundle = export(small(name, pieces), folder / "bundle", data=pieces, labels=LABELS)
    verification = bundle.report["verification"]
    assert verification["relative_difference"] <= 1e-3
    assert bundle.spec["format"] == "litert"


@pytest.mark.parametrize("name", SMALLEST)
def test_one_of_each_family(name, tmp_path, pieces):
    equals_keras(name, tmp_path, pieces)


@pytest.mark.sweep
@pytest.mark.parametrize("name", OTHERS)
def test_all(name, tmp_path, pieces):
    equals_keras(name, tmp_path, pieces)


@pytest.mark.parametrize("name", MOBILE)
def test_mobile_families_become_integers(name, tmp_path, pieces):
    # Untrained weights know no classes, so only the arithmetic is judged.
    bundle = export(
        small(name, pieces),
        tmp_path / "bundle",
        quantize="int8",
        calibrate=pieces,
        max_drop=100.0,
        labels=LABELS,
    )
    assert bundle.spec["input"]["dtype"] == "uint8"
    assert bundle.report["verification"]["agreement"] > 0.9
    assert bundle.report["verification"]["relative_difference"] < 0.15
