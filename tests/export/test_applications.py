"""Every application reaches the phone: builtin operators, and the answers of Keras.

`export` itself compares the file with Keras on LiteRT and refuses it where they differ, so a bundle
that exists has passed; see `kapps.export.verify`.

A conversion takes longer than all else that is tested of a family. In `make test` a network is
converted when it has a kind of layer that none before it had, up to where that comes, with fewer
blocks; `make test-all` converts all of all but the largest, which are more and wider rows of the
same code (`tools/measure_tflite.py` converts those that fit here).
"""

import gc
import zlib

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import kapps
from kapps import data
from kapps.applications import facts
from kapps.export import export
from tests.miniatures import miniature
from tests.representatives import ALIKE, CLASSIFIERS

# The smaller ones have 120 million weights in two dense layers whatever the size of the image.
INSTEAD = {"vgg": "VGG16"}
SMALLEST = [
    INSTEAD.get(family) or min(names, key=lambda name: facts(name)["params"])
    for family, names in CLASSIFIERS.items()
    if family not in ALIKE
]
# What a layer's kind is, beside its class: whatever may become another operator of the file.
TRAITS = (
    "activation",
    "function",
    "padding",
    "negative_slope",
    "max_value",
    "interpolation",
    "axis",
)
MOBILE = (
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetLite0",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "NASNetMobile",
)
ENTIRE = ("MobileNet", "MobileNetV3Small")  # of those, where errors add up over all layers
ALL_MOBILE = (
    *MOBILE,
    "MobileNetV4ConvSmall050",
    "MobileNetV4HybridMedium",
    "MnasNetSmall",
    "FBNetC",
    "FBNetV3B",
    "ProxylessNASMobile",
    "SPNASNet",
    "ShuffleNetV2_0_5x",
    "GhostNet050",
    "GhostNetV2_100",
    "MobileOneS0",
    "MobileViTXXS",
    "MobileViTV2_050",
    "SqueezeNet1_1",
)
LESS_ALIKE = {  # agreement and difference, where untrained answers vary with the image at all
    "MobileNetV4ConvSmall050": (0.9, 0.3),
    "MnasNetSmall": (0.9, 0.3),
    "FBNetC": (0.4, 0.6),
    "ProxylessNASMobile": (0.5, 0.5),
    "SPNASNet": (0.6, 0.6),
    "MobileViTV2_050": (0.8, 1.5),  # whose tokens are normalised in 8 bits, too
}
LARGE = 100e6  # parameters: above, a conversion takes minutes, and the largest more than 24 GiB
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


def built(name, whole=False):
    """The network, or its miniature, at a size that converts quickly, with random weights.

    It gives logits: the softmax of an untrained network is flat, finer than a step of uint8.
    """
    keras.utils.set_random_seed(0)
    app = getattr(kapps.applications, name)
    app = app if whole else miniature(app)
    patch = app.tokens.patch if app.tokens else 1
    side = min(app.size, max(64, app.min_size)) // patch * patch
    shape = (side, side, app.channels)
    return app(weights=None, input_shape=shape, classes=10, classifier_activation=None)


def alive(model, pieces):
    """The network with statistics of its own under its random weights.

    One pass over photographs fills the statistics of every BatchNorm: without it the signal of an
    untrained deep network fades to 1e-20, where no comparison means anything. A tenth of the
    initial variance stays: random networks under exact statistics are chaotic, and a rounding
    becomes another answer.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.1
    _, side, _, channels = model.input_shape
    images, _ = next(iter(data.load(pieces, size=side, channels=channels, batch_size=64)))
    model(images.astype("float32"), training=True)
    return model


def kind(operation):
    """What kind of layer or operation it is."""
    config = operation.get_config() if isinstance(operation, keras.Layer) else {}
    traits = [str(config[trait]) for trait in TRAITS if trait in config]
    for trait in ("groups", "depth_multiplier", "dilation_rate"):
        if np.max(config.get(trait) or 1) > 1:
            traits.append(trait)
    return (type(operation).__name__, *traits)


def kinds(model):
    """The kinds of layers and operations in a model."""
    return {kind(operation) for operation in model.operations}


@pytest.fixture(scope="module")
def seen():
    """The kinds that were converted before in this process: {"float32": {...}, "int8": {...}}."""
    return {"float32": set(), "int8": set()}


def new_part(model, seen):
    """A classifier on the first part of a model that reads all kinds which are not in `seen`.

    Nothing is proved by converting the same kinds of layers again.
    """
    new = kinds(model) - seen
    if not new:
        pytest.skip("all kinds of its layers were converted in networks before it")
    order = [kind(operation) for operation in model.operations]
    for operation in model.operations[max(map(order.index, new)) + 1 : -1]:
        part = keras.Model(model.input, operation.output)
        if new <= kinds(part) and depends_on_the_image(part):
            break
    else:
        seen |= new
        return model
    seen |= kinds(part)
    x = part.output
    pooling = {4: keras.layers.GlobalAveragePooling2D, 3: keras.layers.GlobalAveragePooling1D}
    x = pooling[len(x.shape)]()(x) if len(x.shape) > 2 else x
    return keras.Model(model.input, keras.layers.Dense(10, name="predictions")(x), name=model.name)


def depends_on_the_image(model):
    """Whether two images get two answers; what is learnt alone, such as a query, is a constant."""
    _, *shape = model.input_shape
    images = np.random.default_rng(0).uniform(0, 255, (2, *shape)).astype("float32")
    one, other = keras.ops.convert_to_numpy(model(images))
    return not np.array_equal(one, other)


def equals_keras(model, folder, pieces):
    model = alive(model, pieces)
    bundle = export(model, folder / "bundle", data=pieces, labels=LABELS, max_images=32)
    verification = bundle.report["verification"]
    assert verification["relative_difference"] <= 1e-3
    assert bundle.spec["format"] == "litert"


@pytest.mark.parametrize("name", SMALLEST)
def test_one_of_each_family(name, tmp_path, pieces, seen):
    equals_keras(new_part(built(name), seen["float32"]), tmp_path, pieces)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name", [n for n in kapps.list_models(task="classification") if facts(n)["params"] < LARGE]
)
def test_all(name, tmp_path, pieces):
    equals_keras(built(name, whole=True), tmp_path, pieces)


@pytest.mark.parametrize("name", MOBILE)
def test_mobile_families_become_integers(name, tmp_path, pieces, seen):
    model = built(name)
    part = new_part(model, seen["int8"])
    becomes_integers(alive(model if name in ENTIRE else part, pieces), tmp_path, pieces)


@pytest.mark.sweep
@pytest.mark.parametrize("name", ALL_MOBILE)
def test_all_mobile_families_become_integers(name, tmp_path, pieces):
    model = alive(built(name, whole=True), pieces)
    becomes_integers(model, tmp_path, pieces, *LESS_ALIKE.get(name, (0.9, 0.15)))


def becomes_integers(model, folder, pieces, agreement=0.9, difference=0.15):
    # Untrained weights know no classes, so only the arithmetic is judged.
    bundle = export(
        model,
        folder / "bundle",
        quantize="int8",
        calibrate=pieces,
        max_drop=100.0,
        labels=LABELS,
    )
    assert bundle.spec["input"]["dtype"] == "uint8"
    assert bundle.report["verification"]["agreement"] > agreement
    assert bundle.report["verification"]["relative_difference"] < difference


def test_a_transformer_becomes_integers(tmp_path, pieces):
    # As it is built, its branches hardly change a token, and all images have nearly one answer. A
    # miniature's answers are too close to each other for 8 bits.
    model = built("ViTTiny16", whole=True)
    for variable in model.trainable_variables:
        if variable.path.endswith("kernel"):
            rng = np.random.default_rng(zlib.crc32(variable.path.encode()))
            deviation = 1 / np.sqrt(np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(scale=deviation, size=variable.shape))
    # Layer normalisation in 8 bits costs a transformer more than a batch's, which is a constant:
    # 0.26 of the largest logit in one of 128 images, 0.04 in the mean.
    becomes_integers(model, tmp_path, pieces, agreement=0.8, difference=0.5)
