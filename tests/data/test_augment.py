"""Augmentation policies: what they change, that they repeat, and that they run on every backend."""

import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kapps.data import augment, keras_layers, load
from kapps.data.randaugment import TABLE, randaugment
from kapps.errors import DataError, MissingPackageError

from . import pictures

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder, {"a": 8, "b": 8})
    return str(folder)


def epochs(uri, policy, count=2, seed=0, start=0):
    dataset = load(
        uri, size=24, training=True, validation=0.0, augment=policy, seed=seed, batch_size=6
    )
    dataset.set_epoch(start)
    return [list(dataset) for _ in range(count)]


def same(first, second):
    return all(
        np.array_equal(a, b)
        for one, two in zip(first, second, strict=True)
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize(
    "policy",
    ["none", "default", "digits", "randaugment", "keras:RandomBrightness(factor=0.3)"],
)
def test_seed_and_epoch_decide(photos, policy):
    first, second = epochs(photos, policy)
    images, labels = first[0]
    assert images.shape == (6, 24, 24, 3) and images.dtype == np.uint8 and labels.dtype == np.int32
    again = epochs(photos, policy)
    assert same(first, again[0]) and same(second, again[1])
    assert not same(first, second)
    assert not same(first, epochs(photos, policy, seed=1)[0])
    # A new process that goes on with the second epoch sees what an undisturbed one sees.
    assert same(second, epochs(photos, policy, count=1, start=1)[0])


def test_none_changes_nothing_but_the_order(photos):
    (epoch,) = epochs(photos, "none", count=1)
    plain = load(photos, size=24, split="all", batch_size=6)
    shown = sorted(image.tobytes() for images, _ in epoch for image in images)
    assert shown == sorted(image.tobytes() for images, _ in plain for image in images)


def test_default_cuts_and_flips(photos):
    dataset = load(photos, size=24, training=True, validation=0.0)
    assert dataset.transform.training and dataset.transform.flip
    assert augment.policy("default").piece and not augment.policy("none").piece


def test_digits_are_never_mirrored():
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32) * 7, (64, 32, 32))[..., None]
    layers = augment.policy("digits").layers()
    moved = np.concatenate([keras.ops.convert_to_numpy(_apply(layers, ramp)) for _ in range(3)])
    assert (moved[:, 16, 24, 0] > moved[:, 16, 8, 0]).all()
    assert (moved != ramp[:1]).any() and np.abs(moved - ramp[:1]).mean() < 25


def _apply(layers, images):
    for layer in layers:
        images = layer(images, training=True)
    return images


def test_keras_layer_objects(photos):
    layer = keras.layers.Rescaling(-1.0, offset=255.0)
    inverted = load(photos, size=24, training=True, validation=0.0, augment=layer, batch_size=16)
    plain = load(photos, size=24, training=True, validation=0.0, batch_size=16)
    np.testing.assert_array_equal(255 - next(iter(inverted))[0], next(iter(plain))[0])


def test_layers_work_in_a_pipeline_of_several_epochs_in_fit(photos):
    dataset = load(photos, size=24, training=True, validation=0.0, augment="digits")
    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(dataset.batches, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_keras_cv_layer_on_its_backend_only(photos, monkeypatch):
    policy = "keras_cv:ChannelShuffle(groups=3)"
    if keras.config.backend() != "tensorflow":
        with pytest.raises(DataError, match="keras_cv layers need the TensorFlow backend, not "):
            load(photos, size=24, training=True, augment=policy)
        return
    first, second = epochs(photos, policy)
    assert first[0][0].dtype == np.uint8 and not same(first, epochs(photos, "default", 1)[0])
    assert same(second, epochs(photos, policy, count=1, start=1)[0])
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(MissingPackageError, match="pip install keras-cv"):
        augment.policy(policy)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="a layer of the backend's own")
def test_a_layer_that_refuses_grey_pictures_is_named():
    class Colours(keras.layers.Layer):
        def call(self, images):
            if images.shape[-1] != 3:
                raise ValueError("a long story")
            return images

    with pytest.raises(DataError, match=r"Colours cannot change pictures of shape \(8, 8, 1\)"):
        keras_layers.Augmenter([Colours()], (8, 8, 1))


@pytest.mark.parametrize(
    "policy, message",
    [
        ("randomaugment", "augment='randomaugment' is not one of .*; did you mean 'randaugment'"),
        ("PIL:Flip", "augment='PIL:Flip': PIL has no 'Flip'"),
        ("keras:NoSuchLayer", "keras.layers has no layer 'NoSuchLayer'"),
        ("keras:", "augment=keras: is not understood; write LAYER"),
        ("keras:RandomFlip(1)", "is not understood"),
        ("keras:RandomFlip(mode=open('x'))", "is not understood"),
        (
            "keras:RandomRotation(factor=0.1, fill_mode='x')",
            "augment=keras:RandomRotation.*fill_mode",
        ),
        ("keras:RandomBrightness", "augment=keras:RandomBrightness: .*factor"),
    ],
)
def test_unknown_policies(policy, message):
    with pytest.raises(ValueError, match=message):
        augment.policy(policy)


def test_randaugment_has_the_operations_of_the_paper():
    # Section 3: identity, autoContrast, equalize, rotate, solarize, color, posterize, contrast,
    # brightness, sharpness, shear-x, shear-y, translate-x, translate-y.
    assert len(TABLE) == 14


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", TABLE)
def test_operations_keep_size_and_mode_and_do_nothing_at_zero(name, mode):
    image = pictures.noise(20, 14).convert(mode)
    for magnitude in (-1.0, -0.3, 0.3, 1.0):
        changed = TABLE[name](image, magnitude)
        assert changed.size == image.size and changed.mode == mode
    if name not in ("auto_contrast", "equalize"):  # these have no strength
        np.testing.assert_array_equal(TABLE[name](image, 0.0), image)


def test_operations_do_what_they_say():
    image = pictures.noise(40, 40)
    pixels = np.asarray(image).astype(int)
    moved = np.asarray(TABLE["translate_x"](image, 0.5)).astype(int)  # 0.45 * 0.5 * 40 = 9 pixels
    np.testing.assert_array_equal(moved[:, :31], pixels[:, 9:])
    assert (moved[:, 31:] == 128).all()
    np.testing.assert_array_equal(np.asarray(TABLE["posterize"](image, 1.0)), pixels & 0b11110000)
    half = np.asarray(TABLE["solarize"](image, 0.5))
    np.testing.assert_array_equal(half, np.where(pixels < 128, pixels, 255 - pixels))
    brighter = np.asarray(TABLE["brightness"](image, 0.5)).astype(int)
    np.testing.assert_allclose(brighter, np.minimum(pixels * 1.45, 255), atol=1)
    grey = np.asarray(TABLE["color"](image, -1.0)).astype(int)
    assert np.ptp(grey, axis=-1).mean() < np.ptp(pixels, axis=-1).mean() / 8


def test_each_picture_has_its_own_operations():
    image = pictures.noise(16, 16)
    results = {randaugment(image, np.random.default_rng(s)).tobytes() for s in range(40)}
    assert len(results) > 20
    one, two = (randaugment(image, np.random.default_rng(3)) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert isinstance(one, Image.Image)
