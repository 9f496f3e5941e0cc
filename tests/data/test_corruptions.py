"""Common corruptions against the formulas of their paper."""

import io

import numpy as np
import pytest
from PIL import Image

from kapps.data import corruptions, fields

GREY = np.full((112, 112, 3), 128, "uint8")
PHOTO = (
    np.random.default_rng(0).integers(0, 255, (14, 14, 3)).astype("uint8").repeat(8, 0).repeat(8, 1)
)


def made(name, severity, image=PHOTO, seed=0):
    return corruptions.corrupt(image, name, severity, np.random.default_rng(seed))


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_each_changes_a_picture_as_the_seed_says(name):
    for image in (PHOTO, PHOTO[:, :72, :1]):
        found = made(name, 3, image)
        assert found.shape == image.shape and found.dtype == np.uint8
        assert np.abs(found.astype(int) - image).mean() > 1
        np.testing.assert_array_equal(found, made(name, 3, image))


@pytest.mark.parametrize(("severity", "deviation"), [(1, 0.08), (2, 0.12)])
def test_noise_is_as_loud_as_it_says(severity, deviation):
    assert (made("gaussian_noise", severity, GREY) / 255).std() == pytest.approx(
        deviation, rel=0.03
    )
    photons = {1: 60, 2: 25}[severity]  # a Poisson count of n has the deviation sqrt(n)
    expected = np.sqrt(128 / 255 / photons)
    assert (made("shot_noise", severity, GREY) / 255).std() == pytest.approx(expected, rel=0.04)
    found = made("impulse_noise", severity, GREY)
    assert (found != 128).mean() == pytest.approx({1: 0.03, 2: 0.06}[severity], rel=0.1)
    assert set(np.unique(found)) == {0, 128, 255}


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur"])
def test_a_blur_keeps_what_is_even_and_loses_detail(name):
    assert np.abs(made(name, 4, GREY).astype(int) - 128).max() <= 1
    assert made(name, 5).std() < made(name, 1).std() < PHOTO.std()


def test_what_a_formula_says():
    x = PHOTO / 255
    mean = x.mean(axis=(0, 1))
    np.testing.assert_allclose(made("contrast", 4) / 255, (x - mean) * 0.1 + mean, atol=0.003)
    bright = made("brightness", 2, np.uint8([[[40, 80, 120], [0, 0, 0], [250, 100, 50]]]))
    value = (120 / 255 + 0.2) * 255  # hue and saturation stay
    np.testing.assert_allclose(bright[0, 0], np.array([40, 80, 120]) * value / 120, atol=1)
    np.testing.assert_array_equal(bright[0, 1:], [[51, 51, 51], [255, 102, 51]])
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG", quality=10)
    np.testing.assert_array_equal(made("jpeg_compression", 4), np.asarray(Image.open(file)))
    assert len(np.unique(made("pixelate", 5).reshape(-1, 3), axis=0)) <= 28 * 28
    fog = made("fog", 1, GREY) / 255  # from x m / (m + 1.5) up to (x + 1.5) m / (m + 1.5)
    assert fog.min() == pytest.approx(0.5 * 0.5 / 2, abs=0.01)
    assert fog.max() == pytest.approx(0.5, abs=0.01)


def test_what_is_not_there_is_said():
    with pytest.raises(ValueError, match="corruption='rain' is not one of gaussian_noise"):
        made("rain", 1)
    with pytest.raises(ValueError, match="severity=6 is not one of 1 to 5"):
        made("fog", 6)


def test_fog_is_a_plasma_whose_points_are_means_of_their_neighbours():
    """Diamond-square: with random parts in the first round alone, each point in the middle of a
    square of the last round is the mean of its corners."""
    heights = fields.plasma((16, 16), 1e6, np.random.default_rng(0))
    around = [np.roll(heights, move, (0, 1)) for move in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    np.testing.assert_allclose(heights[1::2, 1::2], sum(around)[1::2, 1::2] / 4, atol=1e-5)

    class Halves:
        def uniform(self, low, high, shape):
            return np.full(shape, high / 2)

    # By hand, of 2 pixels, with w^2 / 2 = 5000: the middle is 0 + 5000, an edge is 2500 + 5000.
    found = fields.plasma((2, 2), 2.0, Halves())
    np.testing.assert_allclose(found, [[0, 1], [1, 5000 / 7500]], atol=1e-6)


def test_glass_shows_what_a_neighbour_shows_by_then():
    """The loop of the paper's code, on an array whose rows are views."""
    reach, (height, width) = 2, (12, 9)
    moves = np.random.default_rng(5).integers(-reach, reach, (12 - 2 * reach, 9 - 2 * reach, 2))
    pixels = np.arange(height * width).reshape(height, width).copy()
    for i, row in enumerate(range(height - reach, reach, -1)):
        for j, column in enumerate(range(width - reach, reach, -1)):
            down, right = moves[i, j]
            pixels[row, column] = pixels[row + down, column + right]
    found = fields.shuffled((height, width), reach, np.random.default_rng(5))
    np.testing.assert_array_equal(found, pixels)
