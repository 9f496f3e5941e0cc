"""Mix the pictures of a batch whose boxes or masks come along: on the host, as `mixing` does.

A picture whose partner is itself stays as it is, and so do two whose boxes are too many for one.
"""

import numpy as np

from kapps.data import mixing
from kapps.data.placement import IGNORE, LEAST_VISIBLE


def mix_boxes(
    kind: str,
    images: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mix each picture of a batch with another of the same batch, and keep the boxes of both.

    Args:
        kind: see `mixing.parse`. "mixup:ALPHA" blends two pictures, each about half (Beta(32, 32)
            as YOLOv5; YOLOX takes halves, Ge et al., 2021, arXiv:2107.08430, section 2.1), and all
            boxes count in full. "copy-paste:SHARE" pastes what is in that share of the other's
            boxes, where it is (Ghiasi et al., 2021, arXiv:2012.07177, who know the outlines of
            things; here it is the box); a box of which less than a quarter can still be seen is
            dropped.
        images: uint8 [B, H, W, C].
        boxes: float32 [B, N, 4], left, top, right, bottom in pixels; rows of -1 where none.
        labels: int32 [B, N], -1 where none.
        rng: where the random numbers come from.

    Returns:
        The same three, mixed.

    Raises:
        ValueError: see `mixing.parse`.
    """
    drawn = mixing.draw(kind, "boxes", rng)
    if drawn is None:
        return images, boxes, labels
    name, number = drawn
    partner = rng.permutation(len(images))
    mixed, room = (images.copy(), boxes.copy(), labels.copy()), labels.shape[1]
    for i, other in enumerate(partner):
        own, more = (np.flatnonzero(labels[j] >= 0) for j in (i, other))
        if name == mixing.COPIED:
            more = more[rng.random(len(more)) < number]
            own = own[_visible(boxes[i, own], boxes[other, more], images.shape[1:3])]
        share = np.array([rng.beta(number, number)], np.float32) if name == "mixup" else None
        if other == i or len(own) + len(more) > room:
            continue
        if name == "mixup":
            mixed[0][i] = mixing.blend(images[i : i + 1], images[other : other + 1], share)[0]
        else:
            for left, top, right, bottom in _pixels(boxes[other, more], images.shape[1:3]):
                piece = np.s_[top:bottom, left:right]
                mixed[0][i][piece] = images[other][piece]
        for target, source in zip(mixed[1:], (boxes, labels), strict=True):
            rows = np.concatenate([source[i, own], source[other, more]])
            target[i] = -1
            target[i, : len(rows)] = rows
    return mixed


def _pixels(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes as whole pixels inside of a picture of (height, width), int [N, 4]."""
    inside = np.clip(boxes, 0, [size[1], size[0]] * 2)
    return np.concatenate([np.floor(inside[:, :2]), np.ceil(inside[:, 2:])], 1).astype(int)


def _visible(boxes: np.ndarray, above: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which boxes can still be seen where others are pasted over them, bool [N]."""
    covered = np.zeros(size, bool)
    for left, top, right, bottom in _pixels(above, size):
        covered[top:bottom, left:right] = True
    found = [covered[top:bottom, left:right] for left, top, right, bottom in _pixels(boxes, size)]
    return np.array([1 - one.mean() >= LEAST_VISIBLE for one in found], bool)


def mix_masks(
    kind: str, images: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mix each picture of a batch with another of the same batch, and their masks with them.

    Args:
        kind: see `mixing.parse`. "copy-paste:SHARE" pastes all pixels of that share of the classes
            that the other shows (ClassMix with a half of them, Olsson et al., 2020,
            arXiv:2007.07936); "cutmix:ALPHA" pastes a rectangle (French et al., 2019,
            arXiv:1906.01916).
        images: uint8 [B, H, W, C].
        masks: uint8 [B, H, W], 255 for no class.
        rng: where the random numbers come from.

    Returns:
        Both, mixed.

    Raises:
        ValueError: see `mixing.parse`.
    """
    drawn = mixing.draw(kind, "mask", rng)
    if drawn is None:
        return images, masks
    name, number = drawn
    partner = rng.permutation(len(images))
    both = np.concatenate([images, masks[..., None]], -1)
    if name == "cutmix":
        share = rng.beta(number, number, len(images)).astype(np.float32)
        both, _ = mixing.paste(both, both[partner], share, rng)
    else:
        mixed = both.copy()
        for i, other in enumerate(partner):
            classes = np.setdiff1d(masks[other], [IGNORE])
            count = int(np.ceil(number * len(classes)))
            chosen = np.isin(masks[other], rng.permutation(classes)[:count])
            mixed[i][chosen] = both[other][chosen]
        both = mixed
    return both[..., :-1], both[..., -1]
