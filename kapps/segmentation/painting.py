"""Masks as pictures: index PNGs with a palette, and colours over a photo."""

import base64
import io

import numpy as np
from PIL import Image

from kapps.data.placement import IGNORE

URL = "data:image/png;base64,"


def palette() -> np.ndarray:
    """The colours of classes, uint8 [256, 3]: those of PASCAL VOC, black for the first.

    The bits of a number go in turn to red, green and blue, the lowest to the highest place (VOC's
    development kit).
    """
    numbers = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (numbers >> (3 * place + channel)) & 1
            colours[:, channel] |= (bit << (7 - place)).astype(np.uint8)
    return colours


def picture(mask: np.ndarray) -> Image.Image:
    """A mask, uint8 [H, W], as a palette picture whose pixels are class numbers."""
    image = Image.fromarray(np.ascontiguousarray(mask, np.uint8), "L")
    image.putpalette(palette().tobytes())  # makes it a palette picture
    return image


def png(mask: np.ndarray) -> bytes:
    """A mask as the bytes of an index PNG."""
    file = io.BytesIO()
    picture(mask).save(file, "PNG")
    return file.getvalue()


def url(mask: np.ndarray) -> str:
    """A mask as a data: address of an index PNG."""
    return URL + base64.b64encode(png(mask)).decode()


def of_url(address: str) -> np.ndarray:
    """The mask of `url`, uint8 [H, W]."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.removeprefix(URL)))))


def over(photo: Image.Image, mask: np.ndarray, share: float = 0.55) -> Image.Image:
    """A photo with the colour of each pixel's class over it; where there is none, the photo.

    Args:
        photo: of any size; it is drawn at the size of the mask.
        mask: uint8 [H, W].
        share: of the colour.
    """
    photo = photo.convert("RGB")
    if photo.size != mask.shape[::-1]:
        photo = photo.resize(mask.shape[::-1])
    pixels = np.asarray(photo, np.float32)
    mixed = (1 - share) * pixels + share * palette()[mask]
    mixed = np.where((mask == IGNORE)[..., None], pixels, mixed)
    return Image.fromarray(mixed.round().astype(np.uint8))
