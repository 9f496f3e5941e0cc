"""What a detector of two stages says within its boxes, as places of the image: plain numpy.

The rounding is that of torchvision, whose detectors these answers come from.
"""

import numpy as np

INSIDE = 0.5  # probability from which on a pixel belongs to the thing
PADDING = 1  # cells of nothing around a mask, so that it ends softly


def paste_masks(masks: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks of boxes as masks of the image.

    Source: Mask R-CNN (He et al., 2017, arXiv:1703.06870), section 3.1: a mask is resized to its
    box; half a probability and more is the thing.

    Args:
        masks: (n, side, side), probabilities within each box.
        boxes: (n, 4), left, top, right, bottom in pixels of the image.
        size: (height, width) of the image.

    Returns:
        (n, height, width) float32, 0 outside of the boxes.
    """
    height, width = size
    found = np.zeros((len(masks), height, width), "float32")
    for canvas, mask, (left, top, right, bottom) in zip(found, masks, boxes, strict=True):
        mask = np.pad(np.asarray(mask, "float32"), PADDING)
        grow = len(mask) / (len(mask) - 2 * PADDING)
        x, y = (left + right) / 2, (top + bottom) / 2
        across, down = (right - left) / 2 * grow, (bottom - top) / 2 * grow
        left, top, right, bottom = (int(v) for v in (x - across, y - down, x + across, y + down))
        rows = _linear(len(mask), max(bottom - top + 1, 1))
        columns = _linear(len(mask), max(right - left + 1, 1))
        pixels = rows @ mask @ columns.T
        inside = slice(max(top, 0), min(bottom + 1, height)), slice(max(left, 0), right + 1)
        cut = pixels[inside[0].start - top : inside[0].stop - top, inside[1].start - left :]
        canvas[inside] = cut[:, : max(width - inside[1].start, 0)]
    return found


def joints(heatmaps: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Where the joints of people are.

    Source: Mask R-CNN, section 5, by the code that torchvision follows: the highest place of each
    map, which is resized to its box by cubic interpolation.

    Args:
        heatmaps: (n, side, side, joints), logits of the places within each box.
        boxes: (n, 4), left, top, right, bottom in pixels.

    Returns:
        (n, joints, 3) float32: x and y in pixels, and the logit there.
    """
    found = np.zeros((len(heatmaps), heatmaps.shape[-1], 3), "float32")
    for one, maps, (left, top, right, bottom) in zip(found, heatmaps, boxes, strict=True):
        sides = np.maximum(np.float32([bottom - top, right - left]), 1)
        rows, columns = (_cubic(len(maps), int(np.ceil(side))) for side in sides)
        large = np.einsum("yi,ijk,xj->kyx", rows, maps, columns, optimize=True)
        best = large.reshape(len(large), -1).argmax(axis=1)
        y, x = np.divmod(best, len(columns))
        one[:, 0] = left + (x + 0.5) * sides[1] / len(columns)
        one[:, 1] = top + (y + 0.5) * sides[0] / len(rows)
        one[:, 2] = large[np.arange(len(large)), y, x]
    return found


def run_lengths(mask: np.ndarray) -> dict:
    """A mask as COCO writes it without compression, JSON-able.

    Args:
        mask: (height, width) bool.

    Returns:
        {"size": [height, width], "counts": [...]}: column by column how many pixels are outside,
        then inside, then outside, ...
    """
    flat = np.asarray(mask, bool).ravel("F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    first = [0] if len(flat) and flat[0] else []  # it begins with what is outside
    counts = np.diff(np.concatenate([first, [0], ends, [len(flat)]])).astype(int)
    return {"size": [int(n) for n in np.shape(mask)], "counts": counts.tolist()}


def of_run_lengths(written: dict) -> np.ndarray:
    """The mask (height, width), bool, that `run_lengths` wrote."""
    counts = written["counts"]
    inside = np.arange(len(counts)) % 2 > 0
    return np.repeat(inside, counts).reshape(written["size"], order="F")


def _places(old: int, new: int) -> np.ndarray:
    return (np.arange(new, dtype="float32") + 0.5) * np.float32(old / new) - 0.5


def _linear(old: int, new: int) -> np.ndarray:
    """(new, old): how much of each old sample is in each new one."""
    place = np.clip(_places(old, new), 0, old - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(old)), 0).astype("float32")


def _cubic(old: int, new: int, a: float = -0.75) -> np.ndarray:
    """As `_linear`, by Keys's kernel (1981); beyond the ends there is the last sample again."""
    place = _places(old, new)
    first = np.floor(place).astype(int)
    weights = np.zeros((new, old), "float32")
    for step in range(-1, 3):
        t = np.abs(place - (first + step))
        near = (a + 2) * t**3 - (a + 3) * t**2 + 1
        far = a * (t**3 - 5 * t**2 + 8 * t - 4)
        sample = np.clip(first + step, 0, old - 1)
        np.add.at(weights, (np.arange(new), sample), np.where(t <= 1, near, far))
    return weights
