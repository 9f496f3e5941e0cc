"""Rollout and masks of attention against their definitions."""

import keras
import numpy as np
import pytest

from kapps import inspect
from kapps.applications import ViTTiny16
from kapps.layers import attention_maps
from tests.miniatures import miniature


def test_rollout_is_the_product_of_half_attention():
    """Equation 1: A~(l) = (0.5 W(l) + 0.5 I) A~(l-1)."""
    maps = np.random.default_rng(0).dirichlet(np.ones(5), (3, 2, 4, 5))  # layers, images, heads
    found = inspect.rollout(maps)
    for image in range(2):
        expected = np.eye(5)
        for layer in range(3):
            expected = (0.5 * maps[layer, image].mean(0) + 0.5 * np.eye(5)) @ expected
        np.testing.assert_allclose(found[image], expected, rtol=1e-5)


def test_attention_of_keras_is_a_softmax_of_products():
    """Vaswani et al., equation 1, of a network that is not of this package."""
    image = keras.Input((6, 4, 2))
    tokens = keras.layers.Reshape((24, 2))(image)
    attend = keras.layers.MultiHeadAttention(2, key_dim=3, name="attend")
    model = keras.Model(image, attend(tokens, tokens))
    pixels = np.random.default_rng(0).normal(size=(2, 6, 4, 2)).astype("float32")
    rows = pixels.reshape(2, 24, 2)
    heads = [
        np.einsum("btc,chd->bhtd", rows, keras.ops.convert_to_numpy(part.kernel))
        + keras.ops.convert_to_numpy(part.bias)[None, :, None]
        for part in (attend._query_dense, attend._key_dense)
    ]
    expected = np.exp(np.einsum("bhqd,bhkd->bhqk", *heads) / 3**0.5)
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(attention_maps(model, pixels)["attend"], expected, atol=1e-5)


def test_masks_keep_a_share_of_the_attention():
    """By hand: 0.4 + 0.3 are the fewest that have 0.6."""
    rows = np.array([[[0.1, 0.3], [0.4, 0.2]], [[0, 0], [0, 1.0]]])
    expected = [[[False, True], [True, False]], [[False, False], [False, True]]]
    np.testing.assert_array_equal(inspect.masks(rows), expected)


@pytest.fixture(scope="module")
def small():
    return miniature(ViTTiny16)(weights=None, input_shape=(64, 48, 3), classes=5)


def test_tokens_have_places(small):
    """The class token reads the patches in the last attention; what comes after it reads none."""
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 48, 3)).astype("float32")
    score = inspect.Score(small, images, 3)
    assert score.patches(1 + 12) == (4, 3)
    layer = score.default_layer()
    assert layer == "stage4_block1_attention_norm"  # of the last of four blocks
    assert inspect.grad_cam(score).shape == (2, 4, 3)
    maps = attention_maps(small, images)
    seen = inspect.on_patches(inspect.rollout(maps.values()), (4, 3))
    assert seen.shape == (2, 4, 3) and 0 < seen.sum(axis=(1, 2)).max() < 1
    with pytest.raises(ValueError, match="gives no map of the image"):
        score.map_of("predictions")
