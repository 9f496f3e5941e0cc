"""One decoder for every picture: file, bytes or array -> an upright 8-bit RGB or grey image.

Evaluation, prediction and training share it, so a photo means the same thing everywhere. What it
decides, and why:

- EXIF orientation is applied: phones store portraits lying down.
- Transparency is laid over white, as on a web page. Dropping the alpha channel would uncover
  whatever colour the drawing program left behind the transparent parts, usually black.
- 16-bit grey is scaled to 8 bits (65535 becomes 255); Pillow alone would clip it at 255.
- Of an animation or a file of many pages, the first counts.
- Colour profiles are ignored, as the published networks were trained.
- Truncated files, decompression bombs and files that are no pictures are refused.
"""

import io
import os
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kapps.errors import DataError, MissingFileError

ImageSource = (
    str | os.PathLike | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
)

BACKGROUND = 255  # white, behind transparent pixels
ORIENTATION = 0x0112  # the EXIF tag
SIDEWAYS = (5, 6, 7, 8)  # its values that swap width and height
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
PILLOW_MODES = {1: "L", 3: "RGB"}


class ImageError(DataError):
    """A picture that cannot be used: damaged, too large, or not a picture."""


UNREADABLE = (ImageError, MissingFileError)


def open_image(
    source: ImageSource, channels: int = 3, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """Decode one picture.

    Args:
        source: path, bytes of a file, open binary file, Pillow image, or uint8 array of shape
            [H, W], [H, W, 1], [H, W, 3] or [H, W, 4].
        channels: 3 for RGB, 1 for grey.
        at_least: (width, height) that is needed; a larger JPEG may then be decoded at 1/2, 1/4 or
            1/8 of its size, which is several times faster. None decodes it exactly.

    Returns:
        An upright Pillow image of mode "RGB" or "L".

    Raises:
        ImageError: damaged, empty, too large, or not a picture.
        MissingFileError: no such file.
        ValueError: `channels` is neither 1 nor 3.
        TypeError: `source` is none of the above.
    """
    return decode(peek(source), channels, at_least)


def peek(source: ImageSource) -> Image.Image:
    """Read only the header of a picture; `decode` does the rest. Raises as `open_image` does."""
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _open(io.BytesIO(source), name_of(source))
    if isinstance(source, str | os.PathLike):
        # Opened by us: Pillow would keep the path's file open until the image is collected.
        return _open(read(source), name_of(source))
    if hasattr(source, "read"):
        return _open(source, name_of(source))
    raise TypeError(
        f"a picture of type {type(source).__name__} is not understood; "
        "give a path, bytes, an open binary file, a Pillow image or a uint8 array."
    )


def read(source: ImageSource) -> ImageSource:
    """The contents of a path as a file in memory that has its name; all else as it is.

    Raises:
        ImageError, MissingFileError: it cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        try:
            file = io.BytesIO(Path(source).read_bytes())
        except FileNotFoundError:
            raise MissingFileError(f"{source} does not exist; check the path.") from None
        except IsADirectoryError:
            raise ImageError(f"{source} is a folder; give the path of a picture.") from None
        except OSError as error:
            raise ImageError(f"{source} cannot be read ({error.strerror}).") from error
        file.name = os.fspath(source)
        return file
    return source


def size_of(image: Image.Image) -> tuple[int, int]:
    """Width and height of a picture from `peek` as a viewer shows it, orientation applied."""
    width, height = image.size
    return (height, width) if _orientation(image) in SIDEWAYS else (width, height)


def is_turned(image: Image.Image) -> bool:
    """Whether a picture from `peek` is stored in another orientation than it is shown in."""
    return _orientation(image) != 1


def decode(
    image: Image.Image, channels: int = 3, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """Decode a picture from `peek`; arguments, result and errors are those of `open_image`."""
    if channels not in PILLOW_MODES:
        raise ValueError(f"channels={channels!r} is not possible for pictures; use 1 or 3.")
    name = getattr(image, "kapps_name", "the image")
    orientation = _orientation(image)
    if at_least is not None and image.format in ("JPEG", "MPO"):
        wanted = at_least[::-1] if orientation in SIDEWAYS else at_least
        # Only the scale: a mode other than the file's own would change the colours too.
        image.draft(None, wanted)
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise OSError, SyntaxError, struct.error, ...
        raise ImageError(f"{name} is damaged ({_reason(error)}); restore or delete it.") from error
    if orientation != 1:
        image = ImageOps.exif_transpose(image)
    return _to_mode(image, PILLOW_MODES[channels], name)


def to_pixels(image: Image.Image) -> np.ndarray:
    """A picture of mode "RGB" or "L" -> uint8 [H, W, 3] or [H, W, 1]."""
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def name_of(source: ImageSource) -> str:
    """How an error message calls this source."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the image"


def _open(file: IO[bytes], name: str) -> Image.Image:
    try:
        image = Image.open(file)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # The limit is Pillow's own, twice MAX_IMAGE_PIXELS, so that who raises it raises it here.
        pixels = "".join(c for c in str(error).partition("pixels")[0] if c.isdigit())
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ImageError(
            f"{name} has {pixels} pixels, more than the limit of {limit}; "
            "shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it."
        ) from error
    except UnidentifiedImageError:
        raise ImageError(_not_a_picture(file, name)) from None
    except Exception as error:  # a broken header raises whatever the plugin met
        raise ImageError(f"{name} is damaged ({_reason(error)}); restore or delete it.") from error
    image.kapps_name = name
    return image


def _not_a_picture(file: IO[bytes], name: str) -> str:
    file.seek(0)
    head = file.read(32)
    if not head:
        return f"{name} is empty (0 bytes); restore or delete it."
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return (
            f"{name} is a HEIC photo, which Pillow cannot read by itself; convert it to JPEG, or "
            "`pip install pillow-heif` and call pillow_heif.register_heif_opener()."
        )
    return f"{name} is not a picture in a format that Pillow knows; convert it to JPEG or PNG."


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow turns these by itself
        return 1
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF must not cost the picture: it is then shown as stored
        return 1


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8:
        raise TypeError(
            f"an image array of {array.dtype} is not understood; give uint8 values in [0, 255]."
        )
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if 0 in array.shape or not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))):
        raise ImageError(
            f"an image array of shape {array.shape} is not understood; "
            "give [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]."
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _to_mode(image: Image.Image, mode: str, name: str) -> Image.Image:
    if image.mode == mode and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_to_eight_bits(image, name))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, (BACKGROUND,) * 3 + (255,))
        image = Image.alpha_composite(paper, image).convert("RGB")
    elif image.mode not in ("L", "RGB"):
        # CMYK from Adobe programs is stored inverted; Pillow has undone that while decoding.
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def _to_eight_bits(image: Image.Image, name: str) -> np.ndarray:
    """Grey of more than 8 bits -> uint8 [H, W], scaled by the range of the format."""
    values = np.asarray(image)
    if image.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ImageError(
                f"{name} holds floating-point pixels outside [0, 1]; save it with 8 or 16 bits."
            )
        return np.rint(values * 255).astype(np.uint8)
    values = values.astype(np.int64)
    # Pillow gives mode I to 32-bit files and, in some formats, to 16-bit ones; anything that does
    # not fit 16 bits has no range that everyone agrees on.
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name} holds 32-bit pixels; save it with 8 or 16 bits.")
    return ((values + 128) // 257).astype(np.uint8)


def check(source: ImageSource) -> None:
    """Raise if a picture is damaged, mostly without decoding it.

    A JPEG or PNG whose header is right and that ends as its format demands is taken as whole; a
    file cut short does not end so. All others are decoded.

    Raises:
        As `open_image`.
    """
    image = peek(source)
    file = getattr(image, "fp", None)
    endings = {"JPEG": (b"\xff\xd9",), "MPO": (b"\xff\xd9",), "PNG": (b"IEND\xaeB`\x82",)}
    if file is not None and image.format in endings:
        place = file.tell()
        file.seek(-min(file.seek(0, io.SEEK_END), 8), io.SEEK_END)
        tail = file.read()
        file.seek(place)
        if tail.endswith(endings[image.format]):
            return
    decode(image, at_least=(1, 1))
