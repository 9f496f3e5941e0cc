"""Which pictures are the same, or nearly: by their bytes, and by what they show.

Two pictures show nearly the same if the edges of their small grey versions correlate by ALIKE:
another size, format, quality, brightness or a shift of a few pixels leaves the edges where they
were. ALIKE was chosen on the subset of CIFAR-10 and on hand signs, whose pictures all look alike;
the pairs above it were two versions of one photo or one hand held still.

All pairs of a few thousand pictures are compared. Of more, those alone whose difference hash
(dHash: 64 bits, whether a pixel of 9x8 is brighter than its right neighbour) differs in at most
NEAR bits: of NEAR + 1 pieces of the hash at least one is then equal in both.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 16, 18  # of the small version; 8x9, twice
ALIKE = 0.88  # correlation of edges
FEW = 20_000  # pictures that are all compared with each other
BLOCK = 1000  # of them at a time
NEAR = 4  # bits of 64 that may differ, among more
BITS = 64
MOST = 3000  # pictures that share a piece of their hash; more say nothing, as all of a white page


def small(picture: Image.Image) -> np.ndarray:
    """A picture as uint8 [16, 18] of grey."""
    return np.asarray(picture.convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def hashes(smalls: np.ndarray) -> np.ndarray:
    """uint8 [N, 16, 18] -> the difference hash of each, uint64 [N]."""
    blocks = smalls.reshape(-1, HEIGHT // 2, 2, WIDTH // 2, 2).sum(axis=(2, 4), dtype=np.uint16)
    bits = (blocks[:, :, :-1] > blocks[:, :, 1:]).reshape(len(smalls), BITS)
    return np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)


def same(digests: np.ndarray) -> list[np.ndarray]:
    """Groups of indices whose digests are equal, each in order; those alone are left out."""
    order = np.argsort(digests, kind="stable")
    cuts = np.flatnonzero(digests[order][1:] != digests[order][:-1]) + 1
    return [group for group in np.split(order, cuts) if len(group) > 1]


def near(smalls: np.ndarray, chosen: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of pictures that show nearly the same.

    Args:
        smalls: uint8 [N, 16, 18], see `small`.
        chosen: bool [N], which pictures take part.

    Returns:
        Pairs (i, j), i < j, sorted.
    """
    places = np.flatnonzero(chosen)
    if len(places) < 2:
        return []
    find = _of_all if len(places) <= FEW else _of_hashes
    return sorted({(int(places[i]), int(places[j])) for i, j in find(smalls[places])})


def edges(smalls: np.ndarray) -> np.ndarray:
    """uint8 [N, 16, 18] -> differences of neighbours, float32 [N, 542], of mean 0 and length 1."""
    grey = smalls.astype(np.float32)
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    rows = np.concatenate([across.reshape(len(grey), -1), down.reshape(len(grey), -1)], axis=1)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _of_all(smalls: np.ndarray) -> Iterator[tuple[int, int]]:
    rows = edges(smalls)
    for start in range(0, len(rows), BLOCK):
        alike = rows[start : start + BLOCK] @ rows[start:].T >= ALIKE
        for i, j in np.argwhere(np.triu(alike, 1)):
            yield start + i, start + j


def _of_hashes(smalls: np.ndarray) -> Iterator[tuple[int, int]]:
    codes = hashes(smalls)
    bounds = np.linspace(0, BITS, NEAR + 2).astype(int)
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        piece = (codes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        for group in same(piece):
            for i, first in enumerate(group[:-1] if len(group) <= MOST else ()):
                others = group[i + 1 :]
                others = others[np.bitwise_count(codes[others] ^ codes[first]) <= NEAR]
                if len(others):
                    rows = edges(smalls[[first, *others]])
                    yield from ((first, j) for j in others[rows[1:] @ rows[0] >= ALIKE])
