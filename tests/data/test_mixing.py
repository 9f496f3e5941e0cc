"""mixup and cutmix against their formulas."""

import re

import numpy as np
import pytest

from kapps.data import mixing


def batch(count=16, height=12, width=10, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, height, width, 3), np.uint8)
    return images, mixing.one_hot(rng.integers(0, classes, count), classes)


def test_one_hot():
    found = mixing.one_hot(np.array([2, 0]), 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0]])


def test_blend_is_the_rounded_mean():
    first, second = np.full((2, 1, 1, 1), 100, np.uint8), np.full((2, 1, 1, 1), 201, np.uint8)
    share = np.array([0.25, 1.0], np.float32)
    found = mixing.blend(first, second, share)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.ravel(), [176, 100])  # 0.25 * 100 + 0.75 * 201 = 175.75


def test_paste_counts_the_pixels_that_are_left():
    first, second = np.zeros((200, 16, 20, 1), np.uint8), np.ones((200, 16, 20, 1), np.uint8)
    share = np.full(200, 0.75, np.float32)
    found, left = mixing.paste(first, second, share, np.random.default_rng(0))
    np.testing.assert_allclose(left, 1 - found.mean((1, 2, 3)), atol=1e-6)
    # A quarter of the area is pasted, less where the rectangle sticks out.
    assert left.min() >= 0.7 and np.isclose(left, 0.75, atol=0.04).any() and left.max() > 0.8
    assert found.max() == 1


@pytest.mark.parametrize("kind", mixing.MIXES)
def test_labels_say_what_the_pictures_show(kind):
    # Pictures as bright as their class: the mixed brightness is that of the mixed label.
    classes = np.arange(64) % 4
    images = np.broadcast_to((classes * 80)[:, None, None, None], (64, 16, 16, 3)).astype(np.uint8)
    labels = mixing.one_hot(classes, 4)
    for seed in range(5):
        mixed, shares = mixing.mix(kind, images, labels, np.random.default_rng(seed))
        assert mixed.dtype == np.uint8 and shares.dtype == np.float32
        np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-6)
        np.testing.assert_allclose(mixed.mean((1, 2, 3)), shares @ (np.arange(4) * 80), atol=0.51)
        assert (mixed != images).any()


def test_seed_decides():
    images, labels = batch()
    one, two, three = (
        mixing.mix("mixup+cutmix", images, labels, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    assert (one[0] != three[0]).any()


def test_a_batch_of_one_stays():
    images, labels = batch(count=1)
    for kind in mixing.MIXES:
        mixed, shares = mixing.mix(kind, images, labels, np.random.default_rng(0))
        np.testing.assert_array_equal(mixed, images)
        np.testing.assert_allclose(shares, labels, atol=1e-6)


def test_unknown_kind():
    with pytest.raises(ValueError, match="mix='cutout': 'cutout' is none of its parts; use mixup"):
        mixing.mix("cutout", *batch(), np.random.default_rng(0))


def test_strengths_are_alphas_of_the_beta_distribution():
    assert mixing.parse("mixup") == ({"mixup": 0.2}, 1.0)
    assert mixing.parse("mixup:0.8+cutmix+share:0.5") == ({"mixup": 0.8, "cutmix": 1.0}, 0.5)
    black, white = np.zeros((1, 4, 4, 1), np.uint8), np.full((1, 4, 4, 1), 255, np.uint8)
    images = np.concatenate([np.repeat(black, 2000, 0), np.repeat(white, 2000, 0)])
    labels = mixing.one_hot(np.arange(4000) // 2000, 2)
    for alpha in (0.2, 4.0):
        _, shares = mixing.mix(f"mixup:{alpha}", images, labels, np.random.default_rng(0))
        mixed = shares[:, 0][(shares[:, 0] > 0) & (shares[:, 0] < 1)]
        # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
        assert mixed.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_a_share_of_the_batches_stays_as_it_is():
    images, labels = batch(4, 2, 2)
    mixed = [
        mixing.mix("mixup+share:0.3", images, labels, np.random.default_rng(seed))[1] is not labels
        for seed in range(400)
    ]
    assert np.mean(mixed) == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize(
    "mix", ["mixup:0", "mixup:x", "mixup+mixup", "share:0.5", "mixup+share:2", "cutout", ""]
)
def test_what_mixes_nothing_says_what_would(mix):
    with pytest.raises(ValueError, match=re.escape(f"mix={mix!r}") + ".*use mixup, cutmix, "):
        mixing.parse(mix)
