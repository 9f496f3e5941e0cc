"""The shorter way through a network gives what Keras's own way gives."""

import keras
import numpy as np
import pytest

import kapps
from kapps.layers import BatchNormalization, Network, kernels
from kapps.layers.convolution import Conv2D, DepthwiseConv2D

SHAPE = (32, 32, 3)
IMAGES = np.random.default_rng(0).uniform(0, 255, (4, *SHAPE)).astype("float32")
only_torch = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="TensorFlow and JAX trace a model once"
)


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    return kapps.applications.MobileNetV2(alpha=0.35, weights=None, input_shape=SHAPE, classes=4)


def answers(model):
    return np.asarray(keras.ops.convert_to_numpy(model(IMAGES, training=False)))


@only_torch
def test_the_short_way_gives_what_keras_gives(network):
    with kernels.reference():
        expected = answers(network)
    np.testing.assert_allclose(answers(network), expected, rtol=1e-5)
    assert network._row() is not None
    # Without gradients, activations overwrite.
    np.testing.assert_allclose(network.predict_on_batch(IMAGES), expected, rtol=1e-5)


@only_torch
def test_activations_that_overwrite_change_nothing_that_is_read_later():
    image = keras.Input((8, 8, 4))
    x = BatchNormalization(name="read_twice")(image)
    y = keras.layers.Activation("relu")(x)
    z = BatchNormalization(name="kept")(keras.layers.Add()([x, y]))
    same = keras.layers.Dropout(0.5)(z)  # in inference the very array that it is given
    w = BatchNormalization(name="read_once")(keras.layers.Activation("silu")(same))
    model = Network(image, [z, keras.layers.Activation("relu6")(w)])
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32") * 9
    given = keras.ops.convert_to_tensor(x)
    found = model.predict_on_batch(given)
    with kernels.reference():
        expected = model.predict_on_batch(x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(given), x)
    alone = [step.alone for step in model._row()]
    assert sum(alone) == 1
    assert alone[-1]


@only_torch
def test_zeros_go_into_the_convolution_and_sums_overwrite_what_only_they_read():
    image = keras.Input((9, 9, 4))
    pad = keras.layers.ZeroPadding2D
    x = Conv2D(4, 3, strides=2)(pad(((2, 0), (1, 3)))(image))
    y = DepthwiseConv2D(3)(pad(1)(x))
    z = DepthwiseConv2D(3)(pad(((2, 0), (0, 2)))(x))
    z = Conv2D(4, 1)(z)
    narrow = keras.layers.GlobalAveragePooling2D(keepdims=True)(z)
    kept = pad(1)(keras.layers.Add()([x, y]))
    wide = keras.layers.Add()([BatchNormalization()(narrow), z])
    outputs = [kept, Conv2D(4, 1)(pad(1)(wide)), Conv2D(2, 3)(kept)]
    model = Network(image, outputs)
    given = np.random.default_rng(0).normal(size=(2, 9, 9, 4)).astype("float32")
    with kernels.reference():
        expected = model.predict_on_batch(given)
    for found in (model.predict_on_batch(given), model(given)):
        for one, other in zip(found, expected, strict=True):
            one = keras.ops.convert_to_numpy(one)
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    layers = [type(step.layer) for step in model._row()]
    assert layers.count(pad) == 1  # what is read from outside
    alone = [step for step in model._row() if step.alone]
    assert [type(step.layer) for step in alone] == [keras.layers.Add]  # not the one that broadcasts


@only_torch
def test_dropout_goes_the_short_way_and_drops_in_training_alone():
    image = keras.Input((64,))
    model = Network(image, keras.layers.Dropout(0.5)(image))
    ones = np.ones((4, 64), "float32")
    assert model._row() is not None
    np.testing.assert_array_equal(model.predict_on_batch(ones), ones)
    dropped = keras.ops.convert_to_numpy(model(ones, training=True))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    always = Network(image, keras.layers.Dropout(0.5)(image, training=True))
    assert always._row() is None


@only_torch
def test_it_trains_as_keras_does(network):
    network.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    twin = keras.models.clone_model(network)
    twin.set_weights(network.get_weights())
    twin.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    with kernels.reference():
        expected = twin.train_on_batch(IMAGES, np.arange(4))
    assert network.train_on_batch(IMAGES, np.arange(4)) == pytest.approx(expected, rel=1e-4)
    moved = network.get_layer("stem_norm").get_weights()[2]
    np.testing.assert_allclose(moved, twin.get_layer("stem_norm").get_weights()[2], rtol=1e-4)


def test_several_outputs_come_in_their_order(network):
    names = ("stage3_block1_project_norm", "stem_act", "stage3_block1_project_norm")
    outputs = [network.get_layer(name).output for name in names]
    several = Network(network.inputs, outputs)
    with kernels.reference():
        expected = several([IMAGES])
    for one, other in zip(several([IMAGES]), expected, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other), atol=1e-4
        )


@only_torch
def test_outputs_in_a_dictionary_of_a_layer_that_is_called_for_two_maps():
    image = keras.Input((8, 8, 4))
    conv = keras.layers.Conv2D(4, 3, padding="same")
    first = conv(image)
    second = conv(keras.layers.MaxPooling2D()(first))
    model = Network(image, {"z": first, "a": second})
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    found = model.predict_on_batch(x)
    assert model._row() is not None
    with kernels.reference():
        expected = model.predict_on_batch(x)
    assert found["z"].shape == (2, 8, 8, 4)
    for key in ("z", "a"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, atol=1e-6)


def test_it_is_one_class_before_and_after_a_file(network, tmp_path):
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert type(loaded) is Network
    assert type(keras.models.clone_model(network)) is Network
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), network.predict(IMAGES, verbose=0)
    )


@only_torch
def test_a_hook_is_called(network):
    seen = []
    hook = network.get_layer("stem_act").register_forward_hook(lambda *given: seen.append(1))
    answers(network)
    hook.remove()
    assert seen
    answers(network)
    assert len(seen) == 1


@only_torch
def test_what_a_layer_has_beyond_its_call_is_done():
    image = keras.Input((4,))
    x = keras.layers.Dense(3, activity_regularizer="l2", name="regularised")(image)
    model = Network(image, keras.layers.Dense(2)(x))
    model(np.ones((2, 4), "float32"))
    assert len(model.losses) == 1
    assert model._row() is not None


@only_torch
def test_a_network_with_a_mask_takes_keras_way():
    words = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(words)
    model = Network(words, keras.layers.GlobalAveragePooling1D()(x))
    given = np.array([[1, 2, 0, 0, 0]])
    with kernels.reference():
        expected = keras.ops.convert_to_numpy(model(given))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(given)), expected, rtol=1e-6)
