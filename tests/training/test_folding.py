"""Folding may change how a network is computed, not what it answers."""

import keras
import numpy as np
import pytest

import kapps
from kapps.training.folding import fold_norms
from tests.miniatures import miniature

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(keras.config.backend() == "jax", reason="JAX's compiler folds by itself"),
]
layers = keras.layers


def norms(model):
    return [x.name for x in model.layers if isinstance(x, layers.BatchNormalization)]


def randomised(model):
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def close(model, folded):
    shape = (2, *model.input_shape[1:])
    images = np.random.default_rng(1).uniform(0, 1, shape).astype("float32")
    expected, found = (m.predict(images, verbose=0) for m in (model, folded))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False),
        lambda: layers.Conv2D(6, 3, groups=3),
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2),
        lambda: layers.Dense(5),
    ],
    ids=["plain", "grouped", "depthwise", "dense"],
)
@pytest.mark.parametrize("norm", [{}, {"scale": False}, {"center": False, "epsilon": 0.1}])
def test_each_linear_layer(make, norm):
    image = keras.Input((9, 9, 3))
    model = keras.Model(image, layers.ReLU()(layers.BatchNormalization(**norm)(make()(image))))
    before = randomised(model).get_weights()
    folded = fold_norms(model)
    assert not norms(folded) and len(norms(model)) == 1
    close(model, folded)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_cannot_be_folded_stays():
    image = keras.Input((9, 9, 3))
    twice = layers.Conv2D(3, 1, name="read_twice")(image)
    bent = layers.Conv2D(3, 1, activation="relu", name="bent")(image)
    shared = layers.Conv2D(3, 1, name="shared")
    x = layers.Add()(
        [
            layers.BatchNormalization(name="n1")(twice),
            twice,
            layers.BatchNormalization(name="n2")(bent),
            layers.BatchNormalization(name="n3")(shared(image)),
            shared(layers.ReLU()(image)),
            layers.BatchNormalization(axis=1, name="n4")(layers.Conv2D(3, 1)(image)),
            layers.BatchNormalization(name="n5")(image),
        ]
    )
    model = randomised(keras.Model(image, x))
    assert fold_norms(model) is model


def test_a_network_inside_another_is_carried_over():
    inner = keras.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()])
    image = keras.Input((9, 9, 3))
    x = layers.BatchNormalization()(layers.Conv2D(3, 1)(image))
    model = keras.Model(image, layers.Dropout(0.5)(inner(x)))
    randomised(inner)
    folded = fold_norms(randomised(model))
    assert not norms(folded)
    close(model, folded)


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50V2", "EfficientNetB0", "DenseNet121"])
def test_applications(name, whole):
    app = getattr(kapps.applications, name)
    app = app if whole else miniature(app)
    model = randomised(app(weights=None, input_shape=(64, 64, 3), classes=7))
    folded = fold_norms(model)
    assert len(norms(folded)) < len(norms(model))
    close(model, folded)


@pytest.mark.skipif(keras.config.backend() != "torch", reason="TensorFlow on a CPU needs NHWC")
def test_channels_first():
    keras.config.set_image_data_format("channels_first")
    try:
        app = kapps.applications.MobileNetV2
        model = app(weights=None, input_shape=(3, 64, 64), classes=7)
    finally:
        keras.config.set_image_data_format("channels_last")
    folded = fold_norms(randomised(model))
    assert not norms(folded)
    close(model, folded)
