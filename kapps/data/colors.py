"""Changes of colour and sharpness, picture by picture, on Pillow.

Keras has layers of these names, and `keras:LAYER` names any of them. They are not taken here since
(Keras 3.15) RandomBrightness adds where the papers multiply, so that RandomColorJitter is another
jitter, and in a fixed order; RandomGaussianBlur draws one deviation a batch, of 1 at most, where
DeiT III needs 2; and Solarization with threshold_factor=(0.5, 0.5) draws a threshold from 0.5 to
127.5 instead of 127.5.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

# Principal components of the colours of ImageNet in [0, 1], as everyone who repeats AlexNet uses
# them (first in fb.resnet.torch; the paper prints none): a row a component, and its eigenvalue.
EIGENVECTORS = np.array(
    [
        [-0.5675, -0.5808, -0.5836],
        [0.7192, -0.0045, -0.6948],
        [0.4009, -0.8140, 0.4203],
    ]
)
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])


def jitter(
    image: Image.Image,
    rng: np.random.Generator,
    strength: float = 0.4,
    brightness: float | None = None,
    contrast: float | None = None,
    saturation: float | None = None,
    hue: float = 0.0,
    probability: float = 1.0,
) -> Image.Image:
    """Change brightness, contrast, saturation and hue, in a random order.

    Args:
        image: mode "RGB" or "L" (saturation and hue leave grey as it is).
        rng: where the random numbers come from.
        strength: what the next three are where nothing is said.
        brightness: all is multiplied by an even draw from 1 - brightness to 1 + brightness.
        contrast: likewise the distance from the mean grey of the picture.
        saturation: likewise the distance from the grey picture.
        hue: turned by an even draw from -hue to hue of the circle, at most 0.5.
        probability: of any change.

    Returns:
        An image of the same size and mode.
    """
    given = (brightness, contrast, saturation)
    strengths = [strength if one is None else one for one in given]
    factors = [rng.uniform(1 - one, 1 + one) for one in strengths]
    turn, order, applied = rng.uniform(-hue, hue), rng.permutation(4), rng.random() < probability
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for choice in order if applied else ():
        if choice == len(kinds):
            image = turn_hue(image, turn)
        else:
            image = kinds[choice](image).enhance(factors[choice])
    return image


def turn_hue(image: Image.Image, turn: float) -> Image.Image:
    """Move all hues by `turn` of the circle: 1/3 makes red green."""
    steps = round(256 * turn) % 256
    if image.mode == "L" or not steps:
        return image
    hue, *rest = image.convert("HSV").split()
    return Image.merge("HSV", (hue.point(lambda h: (h + steps) % 256), *rest)).convert("RGB")


def grayscale(
    image: Image.Image, rng: np.random.Generator, probability: float = 0.2
) -> Image.Image:
    """Take the colour from a picture, with a probability; the number of channels stays."""
    if rng.random() >= probability:
        return image
    return ImageOps.grayscale(image).convert(image.mode)


def pca(image: Image.Image, rng: np.random.Generator, deviation: float = 0.1) -> Image.Image:
    """Shift all pixels along the principal components of colour (AlexNet, section 4.1).

    To each pixel p1 a1 v1 + p2 a2 v2 + p3 a3 v3 is added: p the components, v their eigenvalues, a
    three draws from a normal distribution, new for each picture.

    Args:
        image: mode "RGB"; "L" stays as it is.
        rng: where the random numbers come from.
        deviation: of that distribution.
    """
    shift = color_shift(rng.normal(0, deviation, 3))
    if image.mode == "L":
        return image
    pixels = np.rint(np.asarray(image) + shift)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def color_shift(draws: np.ndarray) -> np.ndarray:
    """What three draws add to red, green and blue in 0..255."""
    return 255 * (draws * EIGENVALUES) @ EIGENVECTORS


def blur(
    image: Image.Image,
    rng: np.random.Generator,
    probability: float = 0.5,
    sigma: tuple[float, float] = (0.1, 2.0),
) -> Image.Image:
    """Blur with a Gaussian, with a probability.

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        probability: of the blur.
        sigma: least and largest standard deviation, in pixels; drawn evenly.
    """
    applied, radius = rng.random() < probability, rng.uniform(*sigma)
    return image.filter(ImageFilter.GaussianBlur(radius)) if applied else image


def solarize(
    image: Image.Image,
    rng: np.random.Generator,
    probability: float = 0.2,
    threshold: int = 128,
) -> Image.Image:
    """Invert the pixels from `threshold` on, with a probability."""
    return ImageOps.solarize(image, threshold) if rng.random() < probability else image


def three_augment(
    image: Image.Image, rng: np.random.Generator, strength: float = 0.3
) -> Image.Image:
    """One of grey, solarize and blur, then jitter (DeiT III, arXiv:2204.07118, section 3.1).

    Args:
        image: mode "RGB" or "L".
        rng: where the random numbers come from.
        strength: of the jitter of brightness, contrast and saturation.
    """
    change = (grayscale, solarize, blur)[rng.integers(3)]
    image = change(image, rng, 1.0)
    return jitter(image, rng, strength)
