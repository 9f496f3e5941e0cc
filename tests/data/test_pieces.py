"""Training pieces: nearly the pixels of Pillow, from every kind of file."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from kapps.data import images, pieces
from kapps.data.transforms import INTERPOLATIONS, Transform
from tests.data import pictures

PHOTO = load_sample_images().images[0]


def decibels(a, b):
    """Peak signal-to-noise ratio of two uint8 pictures."""
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def as_jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", **options)
    return file.getvalue()


def pillow(piece, side, interpolation):
    image = Image.fromarray(piece).resize((side, side), INTERPOLATIONS[interpolation])
    return np.asarray(image)


@pytest.mark.parametrize("side", [260, 280, 336, 400, 427])
def test_as_close_to_pillow_as_its_filters_are_to_each_other(side):
    piece = PHOTO[:side, :side]
    bilinear, bicubic = (pillow(piece, 224, name) for name in ("bilinear", "bicubic"))
    apart = decibels(bilinear, bicubic)
    assert decibels(pieces.resize(piece, (224, 224), "bilinear"), bilinear) > apart + 2
    assert decibels(pieces.resize(piece, (224, 224), "bicubic"), bicubic) > apart - 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(("side", "small"), [(130, 224), (336, 224), (400, 150), (427, 60)])
def test_nearly_as_pillow_resizes(interpolation, side, small):
    piece = PHOTO[:side, :side]
    got = pieces.resize(piece, (small, small), interpolation)
    assert decibels(got, pillow(piece, small, interpolation)) > 29  # without a Gaussian 20 to 26


@pytest.mark.parametrize("side", [64, 100, 15])
def test_fine_stripes_become_grey(side):
    """What a smaller picture cannot show must not come back as other stripes."""
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    got = pieces.resize(stripes, (side, side), "bilinear")
    assert np.abs(got.astype(int) - 127.5).max() < 3
    nearest = pieces.resize(stripes, (side, side), "nearest")
    assert set(np.unique(nearest)) <= {0, 255}


def test_a_piece_of_any_shape_and_channels():
    for shape, size in (((1, 300, 1), (8, 9)), ((7, 5, 3), (20, 3)), ((500, 3, 3), (2, 40))):
        assert pieces.resize(np.full(shape, 9, np.uint8), size, "bicubic").shape[:2] == size
    assert (pieces.resize(np.full((90, 80, 1), 9, np.uint8), (16, 16), "lanczos") == 9).all()


@pytest.mark.parametrize(("at_least", "size"), [(None, (640, 427)), ((300, 200), (320, 214))])
def test_a_jpeg_is_decoded_as_pillow_does_it(at_least, size):
    contents = as_jpeg(PHOTO, quality=95)
    got = pieces.decode(images.peek(contents), 3, at_least)
    assert got.shape == (*size[::-1], 3)
    expected = np.asarray(images.open_image(contents, 3, at_least))
    assert decibels(got, expected) > 40


def test_a_turned_jpeg_stands_upright():
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6
    got = pieces.decode(images.peek(as_jpeg(PHOTO, exif=exif)), 3)
    assert got.shape == (640, 427, 3)


def test_grey_and_cmyk_become_rgb():
    grey = as_jpeg(PHOTO[..., 0])
    cmyk = io.BytesIO()
    Image.fromarray(PHOTO).convert("CMYK").save(cmyk, "jpeg")
    for contents in (grey, cmyk.getvalue()):
        got = pieces.decode(images.peek(contents), 3)
        assert decibels(got, np.asarray(images.open_image(contents))) > 40
    assert pieces.decode(images.peek(as_jpeg(PHOTO)), 1).shape == (427, 640, 1)


def test_a_damaged_jpeg_is_refused_as_ever(tmp_path):
    path = tmp_path / "cut.jpg"
    path.write_bytes(as_jpeg(PHOTO)[:20_000])
    with pytest.raises(images.ImageError, match="cut.jpg is damaged"):
        Transform(64, training=True)(path, 0)


def test_a_kept_picture_gives_the_pieces_of_its_file(tmp_path):
    path = tmp_path / "a.png"
    pictures.noise(150, 120).save(path)
    transform = Transform(64, training=True)
    kept = transform.shrink(path)
    for seed in range(3):
        np.testing.assert_array_equal(transform(kept, seed), transform(path, seed))
