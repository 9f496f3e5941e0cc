"""What the automatic policies do to a picture: fifteen operations, each with one strength.

RandAugment, AutoAugment, TrivialAugment and AugMix draw from the same operations of AutoAugment
(arXiv:1805.09501, table 6) and differ in their ranges, so a table is made for given ranges.
"""

import dataclasses
from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageOps

FILL = 128  # what moves in from outside: grey


@dataclasses.dataclass(frozen=True)
class Operation:
    """One change of a picture, `operation(image, strength)`, strength in [-1, 1].

    Attributes:
        change: from a picture of mode "RGB" or "L" and a strength to one of the same size and mode.
        leveled: which way AutoAugment's levels 0..9 count: "signed" from nothing to the end of the
            range, with a random sign; "enhance" from its lower end to its upper one; "inverse"
            from the strongest to the weakest (of posterize and solarize the level is what is
            left). "" for an operation without strength.
    """

    change: Callable[[Image.Image, float], Image.Image]
    leveled: str = ""

    def __call__(self, image: Image.Image, strength: float) -> Image.Image:
        return self.change(image, strength)


def table(
    *,
    rotate: float = 30,
    shear: float = 0.3,
    translate: float = 0.45,
    pixels: float | None = None,
    enhance: float = 0.9,
    bits: tuple[int, int] = (8, 4),
) -> dict[str, Operation]:
    """The operations by name. The defaults are the ranges of AutoAugment.

    Args:
        rotate: degrees at strength 1.
        shear: shift of a row, or column, in rows at strength 1.
        translate: shift at strength 1 as a share of the picture's side.
        pixels: the same in pixels; wins over `translate`.
        enhance: color, contrast, brightness and sharpness are multiplied by 1 - enhance at strength
            -1 and by 1 + enhance at strength 1.
        bits: bits of a pixel that `posterize` keeps at strengths 0 and 1.

    Returns:
        Operations without a strength, or without a direction, ignore what they do not need.
    """

    def shift(side: int, m: float) -> float:
        return translate * m * side if pixels is None else pixels * m

    def kept(m: float) -> int:
        return max(1, bits[0] - round((bits[0] - bits[1]) * abs(m)))

    def enhanced(kind: type) -> Operation:
        return Operation(lambda image, m: kind(image).enhance(1 + enhance * m), leveled="enhance")

    def moved(matrix: Callable[[Image.Image, float], tuple[float, ...]]) -> Operation:
        return Operation(lambda image, m: _affine(image, matrix(image, m)), "signed")

    return {
        "identity": Operation(lambda image, _: image),
        "auto_contrast": Operation(lambda image, _: ImageOps.autocontrast(image)),
        "equalize": Operation(lambda image, _: ImageOps.equalize(image)),
        "rotate": Operation(lambda image, m: _rotate(image, rotate * m), "signed"),
        "solarize": Operation(
            lambda image, m: ImageOps.solarize(image, round(256 * (1 - abs(m)))), leveled="inverse"
        ),
        "posterize": Operation(
            lambda image, m: ImageOps.posterize(image, kept(m)), leveled="inverse"
        ),
        "color": enhanced(ImageEnhance.Color),
        "contrast": enhanced(ImageEnhance.Contrast),
        "brightness": enhanced(ImageEnhance.Brightness),
        "sharpness": enhanced(ImageEnhance.Sharpness),
        "shear_x": moved(lambda _, m: (1, shear * m, 0, 0, 1, 0)),
        "shear_y": moved(lambda _, m: (1, 0, 0, shear * m, 1, 0)),
        "translate_x": moved(lambda image, m: (1, 0, shift(image.width, m), 0, 1, 0)),
        "translate_y": moved(lambda image, m: (1, 0, 0, 0, 1, shift(image.height, m))),
        "invert": Operation(lambda image, _: ImageOps.invert(image)),
    }


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return image.transform(image.size, affine, matrix, bilinear, fillcolor=_fill(image))


def _rotate(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=_fill(image))


def _fill(image: Image.Image) -> int | tuple[int, ...]:
    return FILL if image.mode == "L" else (FILL,) * 3
