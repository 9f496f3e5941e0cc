"""Branches added up may change how a network is computed, not what it answers."""

import keras
import numpy as np
import pytest

import kapps
from kapps.layers import Blocks, branched_conv

pytestmark = pytest.mark.contract
layers = keras.layers


def randomised(model):
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def difference(model, other):
    """Of the outputs for noise, relative to the largest."""
    shape = (2, *model.input_shape[1:])
    images = np.random.default_rng(1).normal(size=shape).astype("float32")
    expected, found = (m.predict(images, verbose=0) for m in (model, other))
    return np.abs(found - expected).max() / np.abs(expected).max()


def kinds(model):
    return [type(layer).__name__ for layer in model.layers if layer.name != "image"]


def branched(filters=6, kernel_size=3, strides=1, groups=1, branches=1, size=7, **conventions):
    """A network of one such convolution on an image of six channels."""
    nn = Blocks(padding="symmetric", norm_epsilon=1e-5, **conventions)
    shape = (size, size, 6) if nn.data_format == "channels_last" else (6, size, size)
    image = keras.Input(shape, name="image")
    x = branched_conv(
        image, nn, filters, kernel_size, strides, groups, branches, name="stage1_block1"
    )
    return randomised(keras.Model(image, nn.act(x, name="act")))


@pytest.mark.parametrize(
    ("arguments", "norms"),
    [
        ({}, 3),
        ({"groups": 2}, 3),
        ({"groups": 6, "branches": 4}, 6),
        ({"groups": 6, "branches": 2, "strides": 2}, 3),
        ({"filters": 8, "strides": 2}, 2),
        ({"strides": 2, "size": 8}, 2),
        ({"kernel_size": 1, "branches": 2}, 3),
        ({"kernel_size": 5}, 3),
        ({"filters": 8}, 2),
    ],
)
def test_a_sum_becomes_one_convolution(arguments, norms):
    model = branched(**arguments)
    assert kinds(model).count("BatchNormalization") == norms
    merged = kapps.reparameterize(model)
    conv = "DepthwiseConv2D" if arguments.get("groups") == 6 else "Conv2D"
    pad = ["ZeroPadding2D"] if arguments.get("strides") else []
    assert kinds(merged) == [*pad, conv, "Activation"]
    assert difference(model, merged) <= 1e-5
    assert kinds(model).count("BatchNormalization") == norms, "the model itself has changed"


@pytest.mark.skipif(keras.config.backend() == "tensorflow", reason="a CPU needs NHWC there")
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_channels_first(groups):
    model = branched(groups=groups, data_format="channels_first")
    merged = kapps.reparameterize(model)
    assert len(kinds(merged)) == 2
    assert difference(model, merged) <= 1e-5


def test_a_single_convolution_takes_its_norm_where_others_are_sums():
    # MobileOne's pointwise convolutions have one branch where they widen.
    nn = Blocks(padding="symmetric")
    x = image = keras.Input((7, 7, 6), name="image")
    x = branched_conv(x, nn, 6, 3, groups=6, name="a")
    x = branched_conv(nn.act(x, name="act"), nn, 9, 1, name="b")
    model = randomised(keras.Model(image, x))
    merged = kapps.reparameterize(model)
    assert kinds(merged) == ["DepthwiseConv2D", "Activation", "Conv2D"]
    assert difference(model, merged) <= 1e-5


def norm(x, **arguments):
    return layers.BatchNormalization(**arguments)(x)


def conv(x, *arguments, **keywords):
    return layers.Conv2D(6, *arguments, **{"padding": "same", **keywords})(x)


@pytest.mark.parametrize(
    "summands",
    [
        lambda x: [norm(conv(x, 3)), norm(conv(layers.ReLU()(x), 1))],  # two inputs
        lambda x: [norm(conv(x, 3)), x],  # a shortcut without a norm
        lambda x: [norm(conv(x, 3, activation="relu")), norm(x)],
        lambda x: [norm(conv(x, 3)), norm(x, axis=1)],
        lambda x: [norm(conv(x, 3, dilation_rate=2)), norm(x)],
        lambda x: [norm(conv(x, 3, groups=2)), norm(conv(x, 1))],
        lambda x: [norm(conv(x, 3, strides=2)), norm(conv(x, 1, strides=2))],  # pads one side
        lambda x: [norm(x), norm(x)],
        lambda x: [norm(conv(x, (1, 3))), norm(conv(x, (3, 1)))],  # neither has place in the other
    ],
)
def test_other_sums_stay(summands):
    image = keras.Input((8, 8, 6), name="image")
    model = randomised(keras.Model(image, layers.Add()(summands(image))))
    assert kapps.reparameterize(model) is model


def test_a_branch_that_is_read_elsewhere_stays():
    image = keras.Input((8, 8, 6), name="image")
    branch = norm(conv(image, 3))
    model = keras.Model(image, [layers.Add()([branch, norm(image)]), branch])
    assert kapps.reparameterize(model) is model


@pytest.mark.parametrize("name", ["ResNet18", "MobileNetV2"])
def test_a_network_without_branches_is_returned_as_it_is(name):
    model = getattr(kapps.applications, name)(weights=None, input_shape=(32, 32, 3))
    assert kapps.reparameterize(model) is model


def test_loaded_models_and_other_heads(tmp_path):
    app = kapps.applications.RepVGGA0
    model = kapps.replace_head(app(weights=None, input_shape=(32, 32, 3)), 5, dropout=0.1)
    randomised(model).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    merged = kapps.reparameterize(loaded)
    assert "BatchNormalization" not in kinds(merged)
    assert difference(model, merged) <= 1e-5
    merged.save(tmp_path / "merged.keras")
    assert difference(merged, keras.saving.load_model(tmp_path / "merged.keras")) == 0
