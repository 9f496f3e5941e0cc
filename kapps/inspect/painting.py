"""Maps and filters as pictures."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

FLAME = np.float32(  # from nothing to the most, each brighter than the one before
    [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)]
)
COVER = 0.75  # of a photo, where the heat is highest
GAP = 2  # pixels between tiles
PAPER = 255


def scaled(heat: np.ndarray, percent: float = 100.0) -> np.ndarray:
    """Values from 0 up as shares of the highest.

    Args:
        heat: (height, width), 0 and more.
        percent: of the values that stay below the highest shade; 99 for pixel-wise maps, of which a
            few pixels outshine all others.
    """
    most = np.percentile(heat, percent) or heat.max()
    return np.clip(heat / most, 0, 1) if most > 0 else np.zeros_like(heat)


def colours(shares: np.ndarray) -> np.ndarray:
    """Shares in 0..1 as colours, uint8 (..., 3), from black over red to bright yellow."""
    places = np.asarray(shares, "float32") * (len(FLAME) - 1)
    low = np.clip(places.astype(int), 0, len(FLAME) - 2)
    part = (places - low)[..., None]
    return ((1 - part) * FLAME[low] + part * FLAME[low + 1]).round().astype("uint8")


def over(photo: np.ndarray, shares: np.ndarray) -> Image.Image:
    """A photo in grey with the colours of a map over it, the more the higher.

    Args:
        photo: uint8 (height, width, 1 or 3).
        shares: (height, width) in 0..1.
    """
    grey = np.asarray(photo, "float32").mean(axis=-1, keepdims=True)
    share = COVER * np.sqrt(shares)[..., None]
    mixed = (1 - share) * grey + share * colours(shares)
    return Image.fromarray(mixed.round().astype("uint8"))


def grey(values: np.ndarray, spread: float | None = None) -> np.ndarray:
    """Signed values as uint8 of the same shape: 0 is middle grey, `spread` from it black or white.

    Args:
        values: of any shape.
        spread: None for the largest absolute value.
    """
    spread = spread or float(np.abs(values).max()) or 1.0
    return np.clip(127.5 + 127.5 * values / spread, 0, 255).round().astype("uint8")


def tiles(pictures: Sequence[np.ndarray], columns: int | None = None, edge: int = 0) -> Image.Image:
    """Small pictures of one size beside and below each other.

    Args:
        pictures: uint8 (height, width) or (height, width, 3) each.
        columns: in a row; None for about as many as there are rows.
        edge: pixels that the side of a tile has at least: smaller ones are enlarged in whole steps.
    """
    rows = [_rgb(one) for one in pictures]
    step = max(1, -(-edge // max(rows[0].shape[:2])))
    rows = [one.repeat(step, axis=0).repeat(step, axis=1) for one in rows]
    height, width = rows[0].shape[:2]
    columns = columns or int(np.ceil(np.sqrt(len(rows))))
    down = -(-len(rows) // columns)
    shape = (down * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
    sheet = np.full(shape, PAPER, "uint8")
    for i, one in enumerate(rows):
        y, x = (i // columns) * (height + GAP), (i % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = one
    return Image.fromarray(sheet)


def _rgb(picture: np.ndarray) -> np.ndarray:
    if picture.ndim == 2 or picture.shape[-1] == 1:
        picture = picture.reshape(*picture.shape[:2], 1).repeat(3, axis=-1)
    return picture
