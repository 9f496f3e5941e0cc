"""The normalisation folded away must not change what a model computes."""

import keras
import numpy as np
import pytest

from kapps.export import _normalization, _rebuild
from kapps.layers import Normalize
from tests.export.conftest import SIZE, network

TORCH = ((58.395, 57.12, 57.375), (123.675, 116.28, 103.53))
NORMALISATIONS = {
    "lite": (1 / 128, -127 / 128),
    "tensorflow": (1 / 127.5, -1.0),
    "unit": (1 / 255, 0.0),
    "torch": ([1 / s for s in TORCH[0]], [-m / s for m, s in zip(TORCH[1], TORCH[0], strict=True)]),
    "caffe": (1.0, [-123.68, -116.779, -103.939]),
}


def images(count=2):
    shape = (count, SIZE, SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def randomised(model):
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shapes = [w.shape for w in layer.weights]
            layer.set_weights([rng.uniform(0.5, 1.5, shape) for shape in shapes])
    return model


def close(expected, found):
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_division_moves_into_the_kernel_exactly(name):
    model = randomised(network(*NORMALISATIONS[name], activation=None))
    expected = model(images()).numpy()
    with _normalization.folded(model, "dynamic_int8") as (folded, scaling):
        kinds = [type(layer).__name__ for layer in folded.layers]
        assert kinds.count("Rescaling") == (name != "unit") and "Normalize" not in kinds
        close(expected, folded(scaling.apply(images())).numpy())
    np.testing.assert_array_equal(model(images()), expected)  # its weights are its own again


@pytest.mark.parametrize("name", NORMALISATIONS)
@pytest.mark.parametrize("padding", [None, 1, ((0, 1), (0, 1))])
def test_float32_needs_no_operator_before_a_convolution_that_pads_no_zeros(name, padding):
    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3))
    x = Normalize(*NORMALISATIONS[name])(image)
    x = layers.ZeroPadding2D(padding)(x) if padding else x
    x = layers.Conv2D(8, 3, strides=2, use_bias=bool(padding))(x)
    model = randomised(keras.Model(image, layers.BatchNormalization()(x)))
    expected = model(images()).numpy()
    with _normalization.folded(model, "float32") as (folded, scaling):
        kinds = [type(layer).__name__ for layer in folded.layers]
        means_differ = name in ("torch", "caffe")
        assert kinds.count("Rescaling") == bool(means_differ and padding)
        close(expected, folded(scaling.apply(images())).numpy())


@pytest.mark.parametrize("name", ["lite", "unit"])
def test_an_integer_mean_needs_no_operator(name):
    scale, offset = NORMALISATIONS[name]
    model = randomised(network(scale, offset, activation=None))
    expected = model(images()).numpy()
    with _normalization.folded(model, "int8") as (folded, scaling):
        assert (scaling.scale, scaling.zero_point) == (scale, -offset / scale)
        assert not any(isinstance(layer, keras.layers.Rescaling) for layer in folded.layers)
        close(expected, folded(scaling.apply(images())).numpy())


def test_half_a_level_is_made_up_for_except_at_the_padding():
    model = randomised(network(1 / 127.5, -1.0, activation=None))
    stem = keras.Model(model.input, model.get_layer("stem_norm").output)
    expected = stem(images()).numpy()
    with _normalization.folded(stem, "int8") as (folded, scaling):
        assert scaling.zero_point == 127 and scaling.scale == pytest.approx(1 / 127.5)
        found = folded(scaling.apply(images())).numpy()
    np.testing.assert_array_equal(stem(images()), expected)
    # 'same' with stride 2 on an even size pads below and to the right only.
    close(expected[:, :-1, :-1], found[:, :-1, :-1])
    assert 1e-4 < np.abs(expected - found).max() < 0.05


def test_means_of_their_own_stay_in_the_graph():
    model = network(*NORMALISATIONS["torch"])
    with _normalization.folded(model, "int8") as (folded, scaling):
        assert scaling.zero_point == 0
        assert sum(isinstance(layer, keras.layers.Rescaling) for layer in folded.layers) == 1


def test_a_normalisation_with_other_readers_stays():
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Add()([keras.layers.Conv2D(3, 3, padding="same")(x), x])
    model = keras.Model(image, x)
    expected = model(images()).numpy()
    with _normalization.folded(model, "dynamic_int8") as (folded, scaling):
        close(expected, folded(scaling.apply(images())).numpy())


def test_sequential_models_fold_after_a_reload(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3)]
    )
    model.save(tmp_path / "model.keras")
    expected = model(images()).numpy()
    loaded = _rebuild.load(str(tmp_path / "model.keras"))
    with _normalization.folded(loaded, "int8") as (folded, scaling):
        assert scaling.scale == pytest.approx(1 / 255)
        close(expected, folded(scaling.apply(images())).numpy())
