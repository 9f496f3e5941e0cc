"""Rollout and masks of attention against their definitions."""

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
