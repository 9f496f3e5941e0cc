"""A small network that knows scikit-learn's digits, and its exports, each made once."""

import keras
import numpy as np
import pytest
from filelock import FileLock

from kapps import data
from kapps.export import Bundle, export
from kapps.layers import Normalize

MODES = ("float32", "float16", "dynamic_int8", "int8")
LABELS = [str(digit) for digit in range(10)]
SIZE = 24
SPEC = {"application": "Digits", "size": SIZE, "crop_pct": 1.0, "interpolation": "bilinear"}


def network(scale=1 / 128, offset=-127 / 128, activation="softmax"):
    """Stem, depthwise, project, classify: the operators of the mobile families."""
    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = Normalize(scale, offset, spec=SPEC, name="preprocessing")(image)
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(momentum=0.8, name="stem_norm")(x)
    x = layers.ReLU(6.0, name="stem_act")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="block_depthwise_conv")(x)
    x = layers.BatchNormalization(momentum=0.8, name="block_depthwise_norm")(x)
    x = layers.ReLU(6.0, name="block_depthwise_act")(x)
    x = layers.Conv2D(16, 1, name="block_project_conv")(x)
    x = layers.ReLU(name="block_act")(x)
    x = layers.AveragePooling2D(3, name="pool")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(10, activation=activation, name="predictions")(x)
    return keras.Model(image, x, name="digits_net")


@pytest.fixture(scope="session")
def trained(common):
    """Path of a .keras file with about 95 % accuracy on held-out digits."""
    path = common / "digits_net.keras"
    with FileLock(common / "lock"):
        if not path.exists():
            train(path)
    return path


def train(path):
    keras.utils.set_random_seed(1)
    pairs = list(data.load("digits", size=SIZE, split="train", batch_size=64))
    images, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    model = network()
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=64, epochs=8, verbose=0)
    model.save(path)


@pytest.fixture(scope="session")
def digits():
    """(images, labels) of held-out digits."""
    pairs = list(data.load("digits", size=SIZE, split="val", batch_size=64))
    return tuple(np.concatenate(part) for part in zip(*pairs, strict=True))


@pytest.fixture(scope="session")
def exported(trained, common):
    """Bundles of the trained network by mode, made when they are first asked for."""
    judged = {"data": "digits", "labels": LABELS}

    def bundle(mode):
        with FileLock(common / "lock"):
            if not (common / mode).exists() and mode == "saved_model":
                export(trained, common / mode, format=mode, **judged)
            elif not (common / mode).exists():
                export(trained, common, quantize=MODES, calibrate="digits", **judged)
        return Bundle.open(common / mode)

    return bundle
