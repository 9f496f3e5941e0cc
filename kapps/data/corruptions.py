"""What photos suffer from: fifteen common corruptions in five degrees, to test a model with.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", 2019 (arXiv:1903.12261), section 3 and appendix B; the numbers are those by which
ImageNet-C was made, of pictures of 224 pixels, and lengths grow with the picture. Frost is made in
another way than there: it is drawn where the authors lay photos of it over. The trails of motion
and snow are ImageMagick's, in whole pixels.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from kapps.data import fields

SIDE = 224  # pixels, to which lengths refer
SEVERITIES = (1, 2, 3, 4, 5)
GREY = np.float32((0.299, 0.587, 0.114))
ICE = np.float32((0.75, 0.85, 0.95))  # the colour of drawn frost


class Corruption(NamedTuple):
    """One of them.

    Attributes:
        group: "noise", "blur", "weather" or "digital".
        degrees: what `make` is given for the severities 1 to 5.
        make: of (pixels in 0..1 (height, width, channels), a degree, random generator, pixels per
            pixel of 224) gives pixels, which may leave 0..1.
    """

    group: str
    degrees: tuple
    make: Callable


def corrupt(image: np.ndarray, name: str, severity: int, random: np.random.Generator) -> np.ndarray:
    """A picture with a corruption.

    Args:
        image: uint8 (height, width, 1 or 3).
        name: one of `CORRUPTIONS`.
        severity: 1 to 5.
        random: draws noise, places and directions.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: no such corruption or severity.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"corruption={name!r} is not one of {', '.join(CORRUPTIONS)}.")
    if severity not in SEVERITIES:
        raise ValueError(f"severity={severity} is not one of 1 to 5.")
    one = CORRUPTIONS[name]
    pixels = np.asarray(image, "float32") / 255
    found = one.make(pixels, one.degrees[severity - 1], random, min(image.shape[:2]) / SIDE)
    return (np.clip(found, 0, 1) * 255).round().astype("uint8")


def _gaussian_noise(x, deviation, random, _):
    return x + deviation * random.standard_normal(x.shape, "float32")


def _shot_noise(x, photons, random, _):
    return random.poisson(x * photons) / photons


def _impulse_noise(x, share, random, _):
    drawn = random.random(x.shape)
    return np.where(drawn < share / 2, 0, np.where(drawn < share, 1, x))


def _defocus_blur(x, degree, _, scale):
    from scipy import ndimage, signal

    radius, edge = degree[0] * scale, degree[1]
    reach = int(np.ceil(radius)) + 1
    y, z = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = ndimage.gaussian_filter((y**2 + z**2 <= radius**2).astype("float32"), edge)
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), "symmetric")
    return signal.fftconvolve(padded, (disk / disk.sum())[..., None], "valid", axes=(0, 1))


def _glass_blur(x, degree, random, scale):
    sigma, reach, times = degree
    reach = max(1, round(reach * scale))
    x = _blurred(x, sigma * scale)
    for _ in range(times):
        x = x.reshape(-1, x.shape[-1])[fields.shuffled(x.shape[:2], reach, random)]
    return _blurred(x, sigma * scale)


def _motion_blur(x, degree, random, scale):
    return _moved(x, degree[0] * scale, degree[1] * scale, random.uniform(-45, 45))


def _zoom_blur(x, degree, _, __):
    factors = np.arange(1, *degree)
    return (x + sum(_zoomed(x, factor) for factor in factors)) / (len(factors) + 1)


def _snow(x, degree, random, scale):
    mean, deviation, zoom, least, radius, sigma, share = degree
    flakes = random.normal(mean, deviation, x.shape[:2]).astype("float32")[..., None]
    flakes = _zoomed(flakes, zoom)
    flakes = np.clip(np.where(flakes < least, 0, flakes), 0, 1)
    flakes = _moved(flakes, radius * scale, sigma * scale, random.uniform(-135, -45))
    grey = x @ GREY if x.shape[-1] == 3 else x[..., 0]
    pale = np.maximum(x, grey[..., None] * 1.5 + 0.5)
    return share * x + (1 - share) * pale + flakes + flakes[::-1, ::-1]


def _frost(x, degree, random, _):
    ridges = 1 - np.abs(2 * fields.octaves(x.shape[:2], 1.6, random) - 1)
    crystals = np.clip(1.6 * ridges**3, 0, 1)[..., None]
    colour = ICE if x.shape[-1] == 3 else ICE.mean()
    return degree[0] * x + degree[1] * crystals * colour


def _fog(x, degree, random, _):
    thick, decay = degree
    most = x.max()
    mist = fields.plasma(x.shape[:2], decay, random)[..., None]
    return (x + thick * mist) * most / (most + thick)


def _brightness(x, more, _, __):
    """The value of hue, saturation and value grows; black has no hue and becomes grey."""
    value = x.max(axis=-1, keepdims=True)
    wanted = np.minimum(value + more, 1)
    return np.where(value > 0, x * wanted / np.maximum(value, 1e-6), wanted)


def _contrast(x, share, _, __):
    mean = x.mean(axis=(0, 1), keepdims=True)
    return (x - mean) * share + mean


def _elastic(x, degree, random, scale):
    from scipy import ndimage

    strength, sigma, jitter = (244 * part * scale for part in degree)  # 244 is the authors'
    height, width = x.shape[:2]
    centre, third = np.float32((height, width)) // 2, min(height, width) // 3
    corners = np.float32([(1, 1), (1, -1), (-1, -1)]) * third + centre
    moved = corners + random.uniform(-jitter, jitter, (3, 2))
    # From where a pixel comes: the map that takes the moved corners back.
    back = np.linalg.solve(np.c_[moved, np.ones(3)], corners)
    rows, columns = np.mgrid[:height, :width].astype("float32")
    places = np.stack([rows, columns, np.ones_like(rows)], axis=-1) @ back
    for axis in (0, 1):
        field = random.uniform(-1, 1, (height, width))
        field = ndimage.gaussian_filter(field, sigma, mode="reflect", truncate=3)
        places[..., axis] += strength * field
    y, z = np.moveaxis(places, -1, 0)
    found = [ndimage.map_coordinates(one, (y, z), order=1, mode="reflect") for one in _channels(x)]
    return np.stack(found, axis=-1)


def _pixelate(x, share, _, __):
    image = _image(x)
    small = [max(1, int(side * share)) for side in image.size]
    image = image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BOX)
    return _pixels(image)


def _jpeg(x, quality, _, __):
    file = io.BytesIO()
    _image(x).save(file, "JPEG", quality=quality)
    return _pixels(Image.open(file))


CORRUPTIONS = {
    "gaussian_noise": Corruption("noise", (0.08, 0.12, 0.18, 0.26, 0.38), _gaussian_noise),
    "shot_noise": Corruption("noise", (60, 25, 12, 5, 3), _shot_noise),
    "impulse_noise": Corruption("noise", (0.03, 0.06, 0.09, 0.17, 0.27), _impulse_noise),
    "defocus_blur": Corruption(
        "blur", ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)), _defocus_blur
    ),
    "glass_blur": Corruption(
        "blur", ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)), _glass_blur
    ),
    "motion_blur": Corruption(
        "blur", ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)), _motion_blur
    ),
    "zoom_blur": Corruption(
        "blur",
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        _zoom_blur,
    ),
    "snow": Corruption(
        "weather",
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        _snow,
    ),
    "frost": Corruption(
        "weather", ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)), _frost
    ),
    "fog": Corruption("weather", ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)), _fog),
    "brightness": Corruption("weather", (0.1, 0.2, 0.3, 0.4, 0.5), _brightness),
    "contrast": Corruption("digital", (0.4, 0.3, 0.2, 0.1, 0.05), _contrast),
    "elastic_transform": Corruption(
        "digital",
        ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)),
        _elastic,
    ),
    "pixelate": Corruption("digital", (0.6, 0.5, 0.4, 0.3, 0.25), _pixelate),
    "jpeg_compression": Corruption("digital", (25, 18, 15, 10, 7), _jpeg),
}


def _blurred(x, sigma):
    from scipy import ndimage

    return ndimage.gaussian_filter(x, (sigma, sigma, 0), mode="nearest")


def _moved(x, radius, sigma, degrees):
    """A trail behind each pixel: half a Gaussian along a direction, as ImageMagick draws it."""
    count = 2 * max(1, round(radius)) + 1
    weights = np.exp(-(np.arange(count) ** 2) / (2 * max(sigma, 1e-3) ** 2))
    down, across = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    rows, columns = np.arange(x.shape[0]), np.arange(x.shape[1])
    found = np.zeros_like(x)
    for step, weight in enumerate(weights / weights.sum()):
        y = _inside(rows + round(step * down), len(rows))
        z = _inside(columns + round(step * across), len(columns))
        found += weight * x[y][:, z]
    return found


def _zoomed(x, factor):
    """The middle of a picture, enlarged to its size, bilinear."""
    from scipy import ndimage

    middle = [(side - 1) / 2 for side in x.shape[:2]]
    start = [m - m / factor for m in middle]
    how = {"offset": start, "order": 1, "mode": "nearest"}
    matrix = [1 / factor, 1 / factor]
    return np.stack([ndimage.affine_transform(c, matrix, **how) for c in _channels(x)], axis=-1)


def _inside(places, side):
    return np.clip(places, 0, side - 1)


def _channels(x):
    return np.moveaxis(x, -1, 0)


def _image(x):
    pixels = (np.clip(x, 0, 1) * 255).round().astype("uint8")
    return Image.fromarray(pixels[..., 0] if x.shape[-1] == 1 else pixels)


def _pixels(image):
    pixels = np.asarray(image, "float32") / 255
    return pixels[..., None] if pixels.ndim == 2 else pixels
