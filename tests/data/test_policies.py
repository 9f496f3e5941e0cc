"""The parts of augmentation policies against their papers, and the words that name them."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kapps.data import Transform, automatic, colors, erasing, load, operations
from kapps.data.augment import NAMES, STEPS, policy

from . import pictures


def rngs(count, seed=0):
    return (np.random.default_rng([seed, i]) for i in range(count))


def grey(value=100, size=(32, 32)):
    return Image.new("RGB", size, (value,) * 3)


def changed(text, image, seed=0):
    return policy(text).picture(image, np.random.default_rng(seed))


# --- words


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", STEPS)
def test_every_step_keeps_size_and_mode(name, mode):
    image = pictures.noise(20, 14).convert(mode)
    text = f"none+{name}"
    if "probability" in STEPS[name].ranges:
        text += "(probability=1.0)"
    results = {changed(text, image, seed).tobytes() for seed in range(8)}
    for seed in range(8):
        result = changed(text, image, seed)
        assert result.size == image.size and result.mode == mode
        assert result.tobytes() == changed(text, image, seed).tobytes()
    coloured = mode == "RGB" or name not in ("pca", "grayscale")  # these two have nothing to do
    assert (results != {image.tobytes()}) == coloured


def test_a_cut_where_none_is_named():
    assert policy("jitter:0.4+erase").piece and policy("jitter:0.4+erase").cut == {}
    for text in ("default", "default+flip"):
        assert policy(text).piece and policy(text).cut == {} and policy(text).steps == ()
    cropped, flipped, both = policy("crop"), policy("flip+jitter"), policy("crop:0.08+flip")
    assert cropped.piece and cropped.cut["flip"] is False
    assert not flipped.piece and [step.name for step in flipped.steps] == ["flip", "jitter"]
    assert both.piece and both.cut == {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3), "flip": True}
    assert not policy("none+erase").piece and not policy("digits+erase").piece


def test_arguments_reach_the_step():
    (step,) = policy("erase(area=(0.5, 0.5), ratio=1.0, fill='grey', probability=1)").steps
    pixels = np.asarray(step.change(grey(7, (40, 40)), np.random.default_rng(0)))
    assert (pixels == operations.FILL).mean() == pytest.approx(0.5, abs=0.05)
    assert (
        changed("none+grayscale:1", pictures.noise(8, 8)).convert("HSV").split()[1]
    ).getextrema() == (0, 0)


@pytest.mark.parametrize(
    "text, message",
    [
        ("jiter", "'jiter' is not one of .*did you mean 'jitter'"),
        ("jiter:0.4", "'jiter:0.4' is not one of .*did you mean 'jitter'"),
        ("flip++erase", "'' is not one of none, default"),
        ("jitter:lots", "augment=jitter:lots: 'lots' is not a number"),
        ("jitter:1.4", "strength=1.4 is not a number in 0.0..1.0"),
        ("jitter:True", "strength=True is not a number"),
        ("jitter(light=0.2)", "jitter has no 'light'; it has: strength, brightness"),
        ("jitter(0.2)", r"jitter\(0.2\) is not understood; write NAME, NAME:NUMBER"),
        ("autoaugment:3", "autoaugment takes no number"),
        ("randaugment(operations=1.5)", "operations=1.5 is not a whole number in 1..14"),
        ("erase(area=0.2)", "area=0.2 is not .least, largest. in 0.0..1.0"),
        ("erase(area=(0.4, 0.2))", "area=.0.4, 0.2. is not .least, largest."),
        ("erase(fill='pink')", "fill='pink' is not one of noise, grey"),
        ("crop+multiscale", "cuts pictures as crop and multiscale; keep one"),
        ("keras:RandomFlip+erase", "pictures are changed first, then Keras layers"),
        ("erase+no_such_module:change", "augment='no_such_module:change': the module"),
    ],
)  # fmt: skip
def test_words_that_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        policy(text)


def test_recipes_are_what_the_papers_say():
    # AlexNet: 224 of 256 (section 4.1). VGG: 224 of 256 to 512 (section 3.1).
    for name, shorter in (("alexnet", (256, 256)), ("vgg", (256, 512))):
        found = policy(name)
        assert [step.name for step in found.steps] == ["pca"] and found.cut["flip"]
        np.testing.assert_allclose(np.array(found.cut["shorter"]) * 224, shorter)
    assert set(NAMES) >= {"autoaugment", "trivialaugment", "augmix", "three-augment", "alexnet"}


def test_pieces_of_a_resized_photo_have_its_scale():
    # A ramp of one grey level a pixel, 512 wide: a 32 of 64 crop of it resized to 64 spans half.
    ramp = np.broadcast_to((np.arange(256) * 1.0).astype(np.uint8)[None, :, None], (256, 256, 3))
    rule = Transform(size=32, training=True, flip=False, shorter=(2, 2))
    spans, starts = [], set()
    for rng in rngs(40):
        piece = rule(ramp.copy(), rng)[..., 0].astype(int)
        spans.append(piece[:, -1].mean() - piece[:, 0].mean())
        starts.add(int(piece[0, 0]))
    np.testing.assert_allclose(spans, 128 * 31 / 32, atol=1.5)  # from centre to centre
    assert len(starts) > 20 and min(starts) < 20 and max(starts) > 108
    with pytest.raises(ValueError, match=r"shorter=\(0.5, 1\) is not a range from 1"):
        Transform(size=32, shorter=(0.5, 1))


# --- colours


def test_pca_shifts_along_imagenets_colours():
    """Krizhevsky et al. 2012, section 4.1: covariance of the shift is V diag(0.1 l)^2 V^T."""
    shifts = np.array(
        [np.asarray(colors.pca(grey(128, (1, 1)), rng, 0.3)).ravel() - 128.0 for rng in rngs(4000)]
    )
    values = np.array([0.2175, 0.0188, 0.0045]) * 255 * 0.3
    vectors = np.array(  # its columns, as in fb.resnet.torch
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    )
    expected = vectors @ np.diag(values**2) @ vectors.T
    np.testing.assert_allclose(np.cov(shifts.T), expected, rtol=0.08)
    np.testing.assert_allclose(colors.EIGENVECTORS @ colors.EIGENVECTORS.T, np.eye(3), atol=1e-3)
    np.testing.assert_allclose(  # one worked example, by hand: 255 * 0.2175 * 0.1 * v1
        colors.color_shift(np.array([0.1, 0, 0])), [-3.148, -3.221, -3.237], atol=1e-3
    )


def test_jitter_multiplies_within_its_strength():
    light = [np.asarray(colors.jitter(grey(), r, 0.0, brightness=0.4))[0, 0, 0] for r in rngs(300)]
    assert 60 <= min(light) < 64 and 136 < max(light) <= 140
    assert np.mean(light) == pytest.approx(100, abs=3)
    # Contrast 0.4 around the mean grey, of half 50 and half 150: both stay symmetric around 100.
    half = Image.fromarray(np.repeat(np.array([[50], [150]], np.uint8), 8, 1)).convert("RGB")
    for rng in rngs(20):
        low, high = np.asarray(colors.jitter(half, rng, 0.0, contrast=0.4))[:, 0, 0].astype(int)
        assert abs(low + high - 200) <= 1 and 59 <= high - low <= 141
    red = Image.new("RGB", (4, 4), (200, 60, 60))
    for rng in rngs(20):  # the luminance stays: (299 r + 587 g + 114 b) / 1000
        after = np.asarray(colors.jitter(red, rng, 0.0, saturation=0.3))[0, 0]
        assert after @ np.array([0.299, 0.587, 0.114]) == pytest.approx(101.86, abs=1.2)
    assert colors.jitter(red, np.random.default_rng(0), probability=0.0) is red


def test_hue_turns_the_circle():
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    for turn, rgb in ((1 / 3, (0, 255, 0)), (-1 / 3, (0, 0, 255)), (0.5, (0, 255, 255))):
        np.testing.assert_allclose(np.asarray(colors.turn_hue(red, turn))[0, 0], rgb, atol=7)
    assert colors.turn_hue(red, 0.0) is red


def test_three_augment_is_one_of_three_then_jitter():
    """DeiT III: without jitter, a picture is its grey, its solarised or a blurred one."""
    image = pictures.noise(24, 24)
    pixels = np.asarray(image).astype(int)
    found = {"grey": 0, "solarised": 0, "blurred": 0}
    solarised = np.where(pixels < 128, pixels, 255 - pixels)
    for rng in rngs(120):
        after = np.asarray(colors.three_augment(image, rng, 0.0)).astype(int)
        if (np.ptp(after, axis=-1) == 0).all():
            found["grey"] += 1
        elif np.array_equal(after, solarised):
            found["solarised"] += 1
        else:
            assert after.std() <= pixels.std()
            found["blurred"] += 1
    assert all(25 < count < 58 for count in found.values()), found
    assert len({colors.three_augment(image, r).tobytes() for r in rngs(20)}) == 20


# --- automatic policies


def test_autoaugment_levels_mean_the_ranges_of_the_paper():
    """Table 6: color 0.1..1.9, posterize 4..8 bits, solarize 0..256, rotate 30 degrees."""
    table, strength = automatic.STANDARD, automatic.level_strength
    image = pictures.noise(16, 16)
    pixels = np.asarray(image).astype(int)
    colour = table["color"](image, strength(table["color"], 0))
    assert np.ptp(np.asarray(colour).astype(int), axis=-1).mean() == pytest.approx(
        0.1 * np.ptp(pixels, axis=-1).mean(), rel=0.1
    )
    brighter = table["brightness"](image, strength(table["brightness"], 9))
    np.testing.assert_allclose(np.asarray(brighter), np.minimum(1.9 * pixels, 255), atol=1)
    bits = table["posterize"](image, strength(table["posterize"], 0))
    np.testing.assert_array_equal(np.asarray(bits), pixels & 0xF0)
    for level, threshold in ((9, 256), (0, 0), (5, 142)):  # 256 * 5 / 9
        after = table["solarize"](image, strength(table["solarize"], level))
        np.testing.assert_array_equal(after, np.where(pixels < threshold, pixels, 255 - pixels))
    assert strength(table["rotate"], 6, -1) * 30 == pytest.approx(-20)
    assert strength(table["equalize"], None) == 0
    assert len(automatic.AUTOAUGMENT) == 25


def test_autoaugment_applies_its_pairs():
    """Half of what two certain operations give: which pair is drawn decides."""
    image = pictures.photo(24, 24)
    results = {automatic.autoaugment(image, rng).tobytes() for rng in rngs(200)}
    equalised = automatic.STANDARD["equalize"](image, 0)
    assert equalised.tobytes() in results and image.tobytes() in results and len(results) > 30


def test_trivialaugment_has_the_wide_ranges():
    """Müller and Hutter: 14 operations, 31 strengths; translations of 32 pixels, 2..8 bits."""
    assert len(automatic.WIDE) == 14 and "invert" not in automatic.WIDE
    image = pictures.noise(48, 48)
    pixels = np.asarray(image).astype(int)
    moved = np.asarray(automatic.WIDE["translate_y"](image, 1.0)).astype(int)
    np.testing.assert_array_equal(moved[:16], pixels[32:])
    np.testing.assert_array_equal(automatic.WIDE["posterize"](image, 1.0), pixels & 0b11000000)
    kept = [8 - round(6 * k / 30) for k in range(31)]  # torchvision 0.24's table of the same
    assert kept == [8] * 3 + [7] * 5 + [6] * 5 + [5] * 5 + [4] * 5 + [3] * 5 + [2] * 3
    for k, bits in enumerate(kept):
        after = np.asarray(automatic.WIDE["posterize"](image, -k / 30))
        np.testing.assert_array_equal(after, pixels >> (8 - bits) << (8 - bits))
    lights = np.asarray(automatic.WIDE["brightness"](grey(100), 1.0))
    assert lights.max() == 199 and np.asarray(automatic.WIDE["brightness"](grey(), -1.0)).max() == 1
    turned = automatic.WIDE["rotate"](image, 1.0)
    expected = image.rotate(135, Image.Resampling.BILINEAR, fillcolor=(128,) * 3)
    np.testing.assert_array_equal(turned, expected)
    results = {automatic.trivialaugment(image, rng).tobytes() for rng in rngs(300)}
    assert len(results) > 150


def test_augmix_is_a_convex_mixture():
    """Between the least and the largest of what its chains can give, and m is from Beta(1, 1)."""
    assert len(automatic.AUGMIX) == 9
    one = grey(100)  # flat: nothing but posterize and solarize changes its middle
    values = {int(np.asarray(automatic.augmix(one, r, 10.0))[16, 16, 0]) for r in rngs(200)}
    assert min(values) >= 0 and max(values) <= 155 and len(values) > 10
    white = grey(255)
    for rng in rngs(30):
        assert np.asarray(automatic.augmix(white, rng, 0.1)).max() <= 255
    # With chains that give 0 for 100, the result is 100 (1 - m): mean 50, variance 100^2 / 12.
    table = {"black": operations.Operation(lambda image, _: Image.new("RGB", image.size))}
    saved = dict(automatic.AUGMIX)
    try:
        automatic.AUGMIX.clear()
        automatic.AUGMIX.update(table)
        mixed = [np.asarray(automatic.augmix(one, r))[0, 0, 0] for r in rngs(2000)]
    finally:
        automatic.AUGMIX.clear()
        automatic.AUGMIX.update(saved)
    assert np.mean(mixed) == pytest.approx(50, abs=2)
    assert np.var(mixed) == pytest.approx(100**2 / 12, rel=0.06)


# --- erasing


def test_erased_rectangles_are_those_of_the_paper():
    """Zhong et al.: area 0.02..0.4, height / width 0.3..1/0.3, in half of the pictures."""
    shares, proportions, whole = [], [], 0
    for rng in rngs(600):
        pixels = np.asarray(erasing.erase(grey(0, (64, 64)), rng, probability=0.5, fill="grey"))
        hidden = pixels[..., 0] == operations.FILL
        if not hidden.any():
            whole += 1
            continue
        rows, columns = hidden.any(1).sum(), hidden.any(0).sum()
        assert hidden.sum() == rows * columns  # one rectangle
        shares.append(hidden.mean())
        proportions.append(rows / columns)
    assert 255 < whole < 345
    assert (
        min(shares) >= 0.015
        and max(shares) <= 0.42
        and np.mean(shares) == pytest.approx(0.21, abs=0.02)
    )
    assert min(proportions) >= 0.25 and max(proportions) <= 3.9
    noise = np.asarray(erasing.erase(grey(0), np.random.default_rng(1), 1.0, (0.3, 0.4)))
    part = noise[noise > 0]
    assert part.size > 600 and 110 < part.mean() < 145 and part.std() > 60  # even in 0..255


def test_cutout_hides_a_square_that_may_stick_out():
    """DeVries and Taylor: 16 of 32 pixels, the centre anywhere."""
    sizes = []
    for rng in rngs(300):
        hidden = np.asarray(erasing.cutout(grey(0), rng))[..., 0] == operations.FILL
        sizes.append((hidden.any(1).sum(), hidden.any(0).sum()))
    assert max(sizes) == (16, 16) and min(map(min, sizes)) == 8
    # Of 32 centres 17 leave a side whole, the others cut off 1 .. 8 or 1 .. 7: mean 14.
    assert np.mean(sizes) == pytest.approx(
        (17 * 16 + sum(range(8, 16)) + sum(range(9, 16))) / 32, abs=0.4
    )


# --- in a data set


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    pictures.write_class_folders(folder, {"a": 8, "b": 8})
    return str(folder)


@pytest.mark.parametrize("text", ["none+jitter:0.4+erase:1", "flip", "three-augment+cutout"])
@pytest.mark.parametrize("cache", ["memory", "none"])
def test_seed_and_epoch_decide(photos, text, cache):
    dataset = load(
        photos, size=16, training=True, validation=0.0, augment=text, cache=cache, batch_size=8
    )
    first, second = list(dataset), list(dataset)
    dataset.set_epoch(0)
    for (images, _), (again, _), (other, _) in zip(first, dataset, second, strict=True):
        np.testing.assert_array_equal(images, again)
        assert not np.array_equal(images, other)


def test_flip_alone_mirrors_and_cuts_as_for_evaluation(photos):
    shown = load(photos, size=16, training=True, validation=0.0, augment="flip", batch_size=16)
    plain = load(photos, size=16, split="all", batch_size=16)
    known = {image.tobytes() for images, _ in plain for image in images}
    mirrored = {image[:, ::-1].tobytes() for images, _ in plain for image in images}
    (found,) = [[image.tobytes() for image in images] for images, _ in shown]
    assert set(found) <= known | mirrored
    assert set(found) & known and set(found) & (mirrored - known)


def test_functions_of_users_come_last(photos, tmp_path, monkeypatch):
    def speckle(images, rng):
        images = images.copy()
        images[rng.random(images.shape[:3]) < 0.1] = 0
        return images

    more = {"size": 16, "training": True, "validation": 0.0, "batch_size": 16}
    plain = next(iter(load(photos, **more)))[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("of_test_policies.py").write_text("def invert(images):\n    return 255 - images\n")
    found = "default+of_test_policies:invert"
    np.testing.assert_array_equal(next(iter(load(photos, augment=found, **more)))[0], 255 - plain)
    first, again = (load(photos, augment=["default", speckle], **more) for _ in range(2))
    dotted = next(iter(first))[0]
    np.testing.assert_array_equal(dotted, next(iter(again))[0])
    assert 0.06 < (dotted == 0).all(-1).mean() < 0.14
    with pytest.raises(
        ValueError, match=r"<lambda> returned float64 .*return pictures of the same"
    ):
        load(photos, augment=lambda images: images / 2, **more)
