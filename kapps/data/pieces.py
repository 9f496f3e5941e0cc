"""Pieces of training pictures: decoded and shrunk by libraries that are faster than Pillow.

The pixels of an evaluation are Pillow's, to the last bit, since the published accuracies are. A
training piece is random anyway, and most of an epoch's time went into decoding and shrinking it:
of 3.2 ms for a 500x375 photo, libjpeg took 1.5 and Pillow's filter 1.6. simplejpeg decodes the same
file in 1.0, without a copy, and OpenCV shrinks the piece in 0.3.

OpenCV has no antialiased filter at that speed, but two fast halves of one: a Gaussian that takes
away what the smaller picture cannot show, then linear interpolation. The Gaussian's variance
is what the interpolation lacks to that of Pillow's bilinear filter, the triangle stretched by the
factor. The result is closer to that filter's than the result of Pillow's bicubic filter is.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from kapps.data import images
from kapps.data.placement import Placement, Window
from kapps.errors import MissingPackageError

UPRIGHT_JPEG = ("RGB", "L")  # modes of JPEGs that simplejpeg turns into RGB; not CMYK
LEAST_VARIANCE = 0.02  # of a Gaussian, in square pixels; less changes no pixel


def decode(
    picture: Image.Image, channels: int, at_least: tuple[int, int] | None = None
) -> np.ndarray:
    """Decode a picture from `images.peek`.

    Args:
        picture: header read.
        channels: 3 or 1.
        at_least: (width, height) that is needed, as in `images.decode`.

    Returns:
        uint8 [H, W, C], not to be written to.

    Raises:
        As `images.open_image`.
    """
    plain = picture.format == "JPEG" and picture.mode in UPRIGHT_JPEG and channels == 3
    if plain and hasattr(picture.fp, "getvalue") and not images.is_turned(picture):
        try:
            return _jpeg(picture.fp.getvalue(), picture.size, at_least)
        except ValueError:  # damaged, or of a rare kind: Pillow decides, and says why
            pass
    pixels = np.asarray(images.decode(picture, channels, at_least))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _jpeg(contents: bytes, size: tuple[int, int], at_least: tuple[int, int] | None) -> np.ndarray:
    factor, eighths = 1, 8
    if at_least is not None:  # the smallest of 8/8, 4/8, 2/8, 1/8 that is large enough
        shares = [side / whole for side, whole in zip(at_least, size, strict=True)]
        eighths = next(e for e in (1, 2, 4, 8) if e == 8 or e >= 8 * max(shares))
        factor = 8 // eighths
    width, height = (math.ceil(side * eighths / 8) for side in size)
    return _library("simplejpeg").decode_jpeg(
        contents, "RGB", min_height=height, min_width=width, min_factor=factor
    )


def opened(
    image: images.ImageSource, channels: int
) -> tuple[Image.Image | np.ndarray, tuple[int, int]]:
    """What `cut` takes, and (width, height) of it: of a file only the header is read.

    An array that needs no conversion stays one; all else goes by way of Pillow.

    Args:
        image: anything that `images.open_image` takes.
        channels: 3 or 1.

    Raises:
        As `images.open_image`.
    """
    plain = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size > 0
    if plain and image.shape[2:] == (channels,):
        return image, image.shape[1::-1]
    picture = images.peek(image)
    return picture, images.size_of(picture)


def cut(
    picture: Image.Image | np.ndarray,
    full: tuple[int, int],
    piece: tuple[float, float, float, float],
    size: tuple[int, int],
    channels: int,
    interpolation: str,
    flip: bool = False,
) -> tuple[np.ndarray, Placement]:
    """A piece of a picture as pixels of another size.

    Args:
        picture, full: from `opened`.
        piece: left, top, width and height in pixels of the picture.
        size: (height, width) of the result.
        channels: 3 or 1.
        interpolation: as `resize` takes it.
        flip: mirror it left to right.

    Returns:
        uint8 [height, width, C], and where the picture lies in it: exactly there, although a piece
        begins and ends with a whole pixel.

    Raises:
        As `images.open_image`.
    """
    (height, width), (full_width, full_height) = size, full
    left, top, piece_width, piece_height = piece
    pixels = picture
    if not isinstance(picture, np.ndarray):
        # A JPEG may be decoded smaller as long as the piece itself is not enlarged for it.
        share = max(width / piece_width, height / piece_height)
        needed = (math.ceil(full_width * share), math.ceil(full_height * share))
        pixels = decode(picture, channels, needed if share < 1 else None)
    y, x = pixels.shape[0] / full_height, pixels.shape[1] / full_width
    down = slice(round(top * y), max(round((top + piece_height) * y), round(top * y) + 1))
    across = slice(round(left * x), max(round((left + piece_width) * x), round(left * x) + 1))
    found = pixels[down, across]
    rows, columns = pixels.shape[:2]
    seen = used(found.shape[:2], size, interpolation)
    found = resize(found, size, interpolation)
    edges = (across.start, down.start, across.start + seen[1], down.start + seen[0])
    shares = [edge / side for edge, side in zip(edges, (columns, rows) * 2, strict=True)]
    placement = Placement.of_piece(tuple(shares), size, flip)
    return mirror(found) if flip else found, placement


def paste(
    paper: np.ndarray,
    image: images.ImageSource,
    placement: Placement,
    window: Window,
    interpolation: str,
) -> Placement:
    """Draw what of a picture shows in a window.

    Args:
        paper: uint8 [H, W, C], drawn on.
        image: anything that `images.open_image` takes.
        placement: where on the paper the picture lies; mirrored where right < left.
        window: nothing is drawn outside of it.
        interpolation: as `resize` takes it.

    Returns:
        Where it really lies: its pixels are whole ones, so a fraction of one beside `placement`.

    Raises:
        As `images.open_image`.
    """
    picture, full = opened(image, paper.shape[2])
    flip = placement.right < placement.left
    low, high = sorted((placement.left, placement.right))
    left, right = max(window[0], round(low)), min(window[2], round(high))
    top, bottom = max(window[1], round(placement.top)), min(window[3], round(placement.bottom))
    if left >= right or top >= bottom:
        return placement
    across, down = full[0] / (high - low), full[1] / (placement.bottom - placement.top)
    begin = (high - right if flip else left - low) * across, (top - placement.top) * down
    # Rounding must not lead out of the picture, not even to a piece of nothing at its end.
    start = [min(max(at, 0.0), side - 1) for at, side in zip(begin, full, strict=True)]
    sides = [(right - left) * across, (bottom - top) * down]
    sides = [min(n, side - at) for n, side, at in zip(sides, full, start, strict=True)]
    size = bottom - top, right - left
    pixels, found = cut(picture, full, (*start, *sides), size, paper.shape[2], interpolation, flip)
    paper[top:bottom, left:right] = pixels
    return found.moved(left, top)


def resize(pixels: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Bring a piece to another size, antialiased where it becomes smaller.

    Args:
        pixels: uint8 [H, W, C], may be a view.
        size: (height, width) of the result.
        interpolation: "nearest" (never antialiased), or "bilinear", "bicubic", "lanczos", which
            differ where a side becomes larger.

    Returns:
        uint8 [height, width, C].
    """
    cv2 = _library("cv2")
    filters = {
        "nearest": cv2.INTER_NEAREST,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "lanczos": cv2.INTER_LANCZOS4,
    }
    (height, width), channels = size, pixels.shape[2]
    if interpolation != "nearest":
        if height <= pixels.shape[0] and width <= pixels.shape[1]:
            interpolation = "bilinear"
        pixels = _without_detail(cv2, pixels, size)
    result = cv2.resize(pixels, (width, height), interpolation=filters[interpolation])
    return result.reshape(height, width, channels)


def used(shape: tuple[int, int], size: tuple[int, int], interpolation: str) -> tuple[int, int]:
    """Rows and columns of a piece that `resize` looks at: those in whole blocks.

    Args:
        shape: (height, width) of the piece.
        size: of the result.
        interpolation: as `resize` takes it.
    """
    if interpolation == "nearest":
        return shape
    return tuple(side // n * n for side, n in zip(shape, _blocks(shape, size), strict=True))


def _blocks(shape: tuple[int, int], size: tuple[int, int]) -> list[int]:
    return [max(1, side // small) for side, small in zip(shape, size, strict=True)]


def _without_detail(cv2: Any, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same piece, perhaps smaller, without what `size` is too small for."""
    whole = _blocks(pixels.shape[:2], size)
    if whole != [1, 1]:  # means of whole blocks first; what is left of the factor is below 2
        rows, columns = (side // n for side, n in zip(pixels.shape[:2], whole, strict=True))
        pixels = pixels[: rows * whole[0], : columns * whole[1]]
        pixels = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    variances = []
    for side, small, n in zip(pixels.shape[:2], size, whole, strict=True):
        # Triangle stretched by f: f^2 / 6, in pixels of before the blocks. Blocks: (n^2 - 1) / 12.
        wanted = (side / small) ** 2 / 6
        variances.append(wanted - 1 / 6 - (1 - 1 / n**2) / 12)
    if max(variances) < LEAST_VARIANCE:
        return pixels
    down, across = map(_deviation, variances)
    return cv2.GaussianBlur(pixels, (3, 3), across, sigmaY=down, borderType=cv2.BORDER_REPLICATE)


def _deviation(variance: float) -> float:
    """Of the Gaussian whose three taps have this variance, which is at most 1/2."""
    variance = max(variance, 1e-6)
    tap = variance / (2 * (1 - variance))  # beside a middle of 1
    return math.sqrt(-1 / (2 * math.log(tap)))


def mirror(pixels: np.ndarray) -> np.ndarray:
    """Left becomes right."""
    return _library("cv2").flip(pixels, 1).reshape(pixels.shape)


@cache
def _library(name: str) -> Any:
    """OpenCV or simplejpeg, which only training needs."""
    try:
        if name == "simplejpeg":
            import simplejpeg

            return simplejpeg
        import cv2
    except ModuleNotFoundError:
        raise MissingPackageError(
            f"pictures to train on are cut with {name}; pip install 'kapps[recipes]'."
        ) from None
    # One thread for each picture, of which several are cut at a time (see `parallel.pool`): threads
    # within one would wait for those of the others.
    cv2.setNumThreads(1)
    return cv2
