"""Receptive fields: hand-computed, of the literature, and what impulses and gradients reach."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from kapps.applications import (
    VGG16,
    AlexNet,
    EfficientNetLite0,
    MobileNetV2,
    MobileNetV3Small,
    ResNet18,
    ResNet50,
    ShuffleNetV2_0_5x,
    ViTTiny16,
)
from kapps.inspect import Score, gradient, receptive_fields


def bare(app, side=None, **arguments):
    side = side or app.size
    return app(weights=None, include_top=False, input_shape=(side, side, 3), **arguments)


def adding_up(app, side, **arguments):
    """A network whose weights are all above 0: what a position sees, it shows."""
    model = bare(app, side, include_preprocessing=False, **arguments)
    for layer in model.layers:
        for weight in layer.weights:
            value = 0.0 if weight.name in ("bias", "beta", "moving_mean") else 1.0
            weight.assign(np.full(weight.shape, value, "float32"))
        if hasattr(layer, "kernel"):
            layer.kernel.assign(layer.kernel / float(np.prod(layer.kernel.shape[:3])))
    return model


@pytest.mark.parametrize(
    ("app", "layer", "extent", "jump"),
    [
        # By hand, r += (k - 1) j: 11; + 2x4 = 19; + 4x8 = 51; ...; + 2x16 three times; + 2x16.
        (AlexNet, "stage1_conv", 11, 4),
        (AlexNet, "stage1_pool", 19, 8),
        (AlexNet, "stage2_conv", 51, 8),
        (AlexNet, "stage5_conv", 163, 16),
        # Araujo et al. (2019), the table: AlexNet 195, VGG-16 212, ResNet-50 483, all of stride 32.
        (AlexNet, "stage5_pool", 195, 32),
        (VGG16, "stage5_pool", 212, 32),
        (ResNet50, "stage4_block3_3_conv", 483, 32),
    ],
)
def test_hand_computed_and_published_extents(app, layer, extent, jump):
    found = receptive_fields(bare(app))[layer]
    assert (found.extent, found.jump) == ((extent, extent), (jump, jump))
    assert not found.context


def test_without_padding_the_first_position_sees_the_corner():
    image = keras.Input((227, 227, 3))
    x = layers.Conv2D(4, 11, strides=4, name="one")(image)
    x = layers.MaxPooling2D(3, 2, name="two")(x)
    fields = receptive_fields(keras.Model(image, x))
    assert fields["one"].centre == (5, 5)
    assert fields["two"].first == (0, 0)
    assert fields["two"].centre == (9, 9)


@pytest.mark.contract
@pytest.mark.parametrize("app", [ResNet18, MobileNetV2, EfficientNetLite0, ShuffleNetV2_0_5x])
@pytest.mark.parametrize("flavor", [0, 1])
def test_an_impulse_reaches_what_the_field_says(app, flavor):
    """A row of ones changes the rows that see it, no more."""
    flavors = list(app.flavors)
    model = adding_up(app, 96, flavor=flavors[flavor % len(flavors)])
    names = [name for name in app.levels.values() if model.get_layer(name).output.shape[1] > 2]
    heads = keras.Model(model.input, [model.get_layer(name).output for name in names])
    rows = [0, 7, 31, 48, 80, 95]
    images = np.zeros((len(rows), 96, 96, 3), "float32")
    images[np.arange(len(rows)), rows] = 1e-3
    fields = receptive_fields(model)
    for name, output in zip(names, heads.predict_on_batch(images), strict=True):
        field = fields[name]
        seen = output.any(axis=(2, 3))
        first = field.first[0] + field.jump[0] * np.arange(output.shape[1])
        for row, found in zip(rows, seen, strict=True):
            expected = (first <= row) & (row < first + field.extent[0])
            np.testing.assert_array_equal(found, expected, f"{name}, row {row}")


@pytest.mark.contract
@pytest.mark.parametrize("app", [MobileNetV2, EfficientNetLite0])  # a max pool hides pixels
def test_the_gradient_of_a_position_reaches_what_the_field_says(app):
    model = adding_up(app, 96)
    name, at = app.levels[3], 5
    part = keras.Model(model.input, model.get_layer(name).output)
    images = np.full((1, 96, 96, 3), 1e-3, "float32")
    slopes = gradient(Score(part, images, target=lambda y: ops.sum(y[:, at, at], axis=-1)))
    field = receptive_fields(model)[name]
    rows = np.arange(96)
    first = field.first[0] + field.jump[0] * at
    expected = (first <= rows) & (rows < first + field.extent[0])
    assert 0 < expected.sum() < 96
    np.testing.assert_array_equal(slopes[0].any(axis=-1), np.outer(expected, expected))


def test_gates_and_attention_see_everything():
    fields = receptive_fields(bare(MobileNetV3Small))
    gated = [field for field in fields.values() if field.context]
    assert gated and all(field.extent[0] < math.inf for field in gated)
    fields = receptive_fields(bare(ViTTiny16))
    assert fields["stem_conv"].extent == (16, 16)
    assert list(fields.values())[-1].everywhere


def test_upsampling_and_transposed_convolution():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(2, 3, strides=2, padding="same", name="down")(image)
    up = layers.UpSampling2D(2, name="up")(x)
    fields = receptive_fields(keras.Model(image, up))
    assert fields["up"].jump == (1, 1) and fields["up"].extent == (3, 3)
    x = layers.Conv2DTranspose(2, 4, strides=2, padding="same", name="transposed")(x)
    field = receptive_fields(keras.Model(image, x))["transposed"]
    assert field.jump == (1, 1)
    assert field.extent == (5, 5)  # two neighbours of the small map, each of 3 pixels, 2 apart
