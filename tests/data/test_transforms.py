"""The rule for evaluation equals its formulas computed by hand; random pieces stay in bounds."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from kapps.data import random_pieces
from kapps.data.transforms import Transform

from . import pictures

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def center_rule(image, size, crop_pct, resample):
    """torchvision's Resize(floor(size / crop_pct)) and CenterCrop(size) on a Pillow image.

    Written from their documented formulas: the shorter side becomes `side`, the longer one
    int(side * long / short); the crop starts at int(round((length - size) / 2)).
    """
    side = math.floor(size / crop_pct)
    width, height = image.size
    if width <= height:
        image = image.resize((side, int(side * height / width)), resample)
    else:
        image = image.resize((int(side * width / height), side), resample)
    left = int(round((image.width - size) / 2.0))
    top = int(round((image.height - size) / 2.0))
    return np.asarray(image.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("shape", [(80, 60), (60, 80), (61, 61), (300, 33), (50, 51), (20, 10)])
@pytest.mark.parametrize("size, crop_pct", [(32, 0.875), (33, 0.9), (48, 1.0), (29, 0.965)])
def test_evaluation_is_the_published_rule(shape, size, crop_pct, interpolation):
    image = pictures.noise(*shape)
    transform = Transform(size, crop_pct=crop_pct, interpolation=interpolation)
    found = transform(image)
    assert found.dtype == np.uint8 and found.shape == (size, size, 3)
    expected = center_rule(image, size, crop_pct, FILTERS[interpolation])
    np.testing.assert_array_equal(found, expected)


def test_efficientnet_lite_is_resize_256_crop_224():
    image = pictures.noise(500, 375)
    assert Transform(224, crop_pct=0.875).resize == (256, 256)
    resized = image.resize((int(256 * 500 / 375), 256), Image.Resampling.BICUBIC)  # (341, 256)
    expected = np.asarray(resized)[16:240, 58:282]  # (341 - 224) / 2 = 58.5, rounded to even
    np.testing.assert_array_equal(Transform(224)(image), expected)


@pytest.mark.parametrize(
    "size, crop_pct, expected",  # published input sizes with their crop_pct; floor, not round
    [(224, 0.875, 256), (299, 0.95, 314), (240, 0.882, 272), (288, 0.95, 303), (380, 0.922, 412)],
)
def test_resize_rounds_down(size, crop_pct, expected):
    assert Transform(size, crop_pct=crop_pct).resize == (expected, expected)


def test_rectangles():
    image = pictures.noise(100, 100)
    found = Transform((20, 40), crop_pct=1.0)(image)
    # Both sides must be covered: 40 wide means 40 high, of which the middle 20 remain.
    expected = np.asarray(image.resize((40, 40), Image.Resampling.BICUBIC))[10:30]
    np.testing.assert_array_equal(found, expected)


def test_squash_loses_proportions_and_no_border():
    image = pictures.noise(90, 30)
    found = Transform(28, crop_pct=0.875, crop_mode="squash")(image)
    expected = np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC))[2:30, 2:30]
    np.testing.assert_array_equal(found, expected)


def test_border_keeps_the_whole_picture():
    image = pictures.noise(80, 40)
    found = Transform(32, crop_pct=1.0, crop_mode="border", fill=(1, 2, 3))(image)
    expected = np.full((32, 32, 3), (1, 2, 3), np.uint8)
    expected[8:24] = np.asarray(image.resize((32, 16), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(found, expected)
    grey = Transform(32, crop_pct=1.0, crop_mode="border", channels=1)(image)
    assert grey.shape == (32, 32, 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 3)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
def test_tiny_and_extreme_pictures(shape, training, crop_mode):
    transform = Transform(24, training=training, crop_mode=crop_mode)
    for seed in range(5):
        found = transform(pictures.noise(*shape), seed)
        assert found.shape == (24, 24, 3) and found.dtype == np.uint8


def test_grey_result():
    found = Transform(16, channels=1)(pictures.noise(20, 20))
    assert found.shape == (16, 16, 1)


def test_same_from_path_bytes_and_array(tmp_path):
    image = pictures.noise(50, 40)
    path = tmp_path / "a.png"
    image.save(path)
    transform = Transform(32)
    expected = transform(image)
    for source in (path, str(path), path.read_bytes(), np.asarray(image)):
        np.testing.assert_array_equal(transform(source), expected)


def test_training_depends_on_the_seed_alone():
    transform = Transform(32, training=True)
    image = pictures.noise(100, 80)
    np.testing.assert_array_equal(transform(image, 5), transform(image, 5))
    results = {transform(image, seed).tobytes() for seed in range(20)}
    assert len(results) == 20
    assert transform(image).tobytes() != transform(image).tobytes()


def test_training_flips_half():
    # A picture that grows brighter to the right shows which way it was left.
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (64, 64))
    transform = Transform(16, training=True, channels=1)
    flipped = [bool(p[0, 0] > p[0, -1]) for p in (transform(ramp, s) for s in range(400))]
    # 400 fair coins: five standard deviations are 50.
    assert 150 < sum(flipped) < 250
    straight = transform.replace(flip=False)
    assert not any((p := straight(ramp, s))[0, 0] > p[0, -1] for s in range(50))


def test_random_pieces_have_the_asked_area_and_ratio():
    transform = Transform(8, training=True, scale=(0.3, 0.5), ratio=(0.5, 2.0))
    rng = np.random.default_rng(0)
    shares, ratios = [], []
    for _ in range(500):
        left, top, width, height = random_pieces.choose(transform, 400, 300, rng)
        assert 0 <= left <= 400 - width and 0 <= top <= 300 - height
        shares.append(width * height / (400 * 300))
        ratios.append(width / height)
    assert 0.29 < min(shares) < 0.32 and 0.48 < max(shares) < 0.51
    assert 0.49 < min(ratios) < 0.6 and 1.7 < max(ratios) < 2.02


def test_large_jpeg_gives_nearly_the_same_piece_when_decoded_smaller(tmp_path):
    image = pictures.photo(1600, 1200)
    path = tmp_path / "large.jpg"
    image.save(path, quality=95)
    transform = Transform(64, training=True)
    for seed in range(5):
        reduced = transform(path, seed).astype(int)
        whole = transform(image, seed).astype(int)  # already decoded: nothing to reduce
        assert np.abs(reduced - whole).max() <= 4


def test_shrink_keeps_twice_the_size(tmp_path):
    transform = Transform((50, 60), training=True)
    path = tmp_path / "large.jpg"
    pictures.photo(1000, 400).save(path)
    assert transform.shrink(path).shape == (100, 250, 3)
    assert transform.shrink(pictures.photo(110, 300)).shape == (300, 110, 3)


def test_json_round_trip():
    transform = Transform((20, 30), 0.9, "lanczos", "border", 1, training=True, fill=(9, 8, 7))
    assert Transform.from_json(transform.to_json()) == transform
    values = json.loads(transform.to_json())
    assert values["size"] == [20, 30] and values["interpolation"] == "lanczos"
    assert Transform.from_dict(transform.to_dict()) == transform
    with pytest.raises(ValueError, match="'colour' is not part of a transform"):
        Transform.from_dict({"size": 3, "colour": 1})
    with pytest.raises(ValueError, match="no 'size'"):
        Transform.from_dict({})


def test_from_spec():
    spec = {
        "application": "EfficientNetLite0",
        "size": 224,
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "mean": [127, 127, 127],
        "std": [128, 128, 128],
    }
    expected = Transform((224, 224), 0.875, "bicubic", fill=(127, 127, 127))
    assert Transform.from_spec(spec) == expected
    assert Transform.from_spec(spec, training=True).training
    assert Transform.from_spec(spec, size=96).size == (96, 96)
    assert Transform.from_spec({"size": [48, 64], "channels": 1, "mean": [0.5]}).channels == 1
    with pytest.raises(ValueError, match="spec has no 'size'"):
        Transform.from_spec({"mean": [0, 0, 0]})


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"size": 0}, "size=0 is not a number of pixels"),
        ({"size": (3, 4, 5)}, "size=.* is not a number of pixels"),
        ({"size": 2.5}, "size=2.5 is not a number of pixels"),
        ({"crop_pct": 0}, "crop_pct=0 is not in"),
        ({"crop_pct": 1.5}, "crop_pct=1.5 is not in"),
        ({"interpolation": "cubic"}, "interpolation='cubic' is not one of nearest, bilinear"),
        ({"crop_mode": "top"}, "crop_mode='top' is not one of center"),
        ({"channels": 2}, "channels=2"),
        ({"scale": (0.5, 0.2)}, "scale=.* is not a range"),
        ({"ratio": (0, 1)}, "ratio=.* is not a range"),
        ({"fill": (0, 0, 300)}, "fill=.* is not a colour"),
    ],
)
def test_wrong_values_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Transform(**{"size": 32, **wrong})
