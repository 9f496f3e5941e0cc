"""What a report shows of masks."""

import zlib
from collections.abc import Sequence

import numpy as np

from kapps.segmentation import scoring as pixel_scoring
from kapps.tasks.findings import Finding, Matrix, Overlay, Sample, Samples, Table

SHOWN = 6  # photos of each sort
CLASSES = 20  # in the matrix


class Photos:
    """Masks of photos, packed, each with how good it is."""

    def __init__(self):
        self.rows: list[tuple[float, bytes, bytes, tuple[int, int]]] = []

    def add(self, found: np.ndarray, truth: np.ndarray, score: float) -> None:
        """Keep the masks of a photo, uint8 [H, W], and its mean intersection over union."""
        packed = (zlib.compress(np.ascontiguousarray(mask).tobytes(), 1) for mask in (found, truth))
        self.rows.append((score, *packed, truth.shape))

    def overlay(self, i: int) -> Overlay:
        """Both masks of a photo."""
        _, found, truth, shape = self.rows[i]
        masks = (np.frombuffer(zlib.decompress(m), np.uint8).reshape(shape) for m in (truth, found))
        return Overlay(*masks)


def findings(counts: np.ndarray, photos: Photos, names: Sequence[str]) -> list[Finding]:
    """Tables and photos.

    Args:
        counts: see `pixel_scoring.confusion`.
        photos: of all that was judged.
        names: of the classes.
    """
    own = pixel_scoring.per_class(counts)
    occurs = np.flatnonzero(~np.isnan(own["iou"]))
    order = occurs[np.argsort(own["iou"][occurs], kind="stable")]
    rows = [
        (names[i], int(counts[i].sum()), *(f"{100 * own[n][i]:.1f}" for n in own)) for i in order
    ]
    shown = np.sort(occurs[np.argsort(-counts.sum(axis=1)[occurs], kind="stable")][:CLASSES])
    shares = counts[np.ix_(shown, shown)] / np.maximum(counts.sum(axis=1)[shown], 1)[:, None]
    return [
        Table(
            "Classes",
            "The worst first.",
            ("class", ">pixels", ">IoU %", ">dice %", ">found %"),
            rows,
        ),
        Matrix(
            "What is taken for what",
            "Of a hundred pixels of each class.",
            [names[i] for i in shown],
            np.round(100 * shares).astype(int).tolist(),
        ),
        *_photos(photos),
    ]


def _photos(photos: Photos) -> list[Samples]:
    """The worst and the best photos."""
    order = sorted(range(len(photos.rows)), key=lambda i: photos.rows[i][0])
    half = min(SHOWN, len(order) // 2)
    worst, best = order[: len(order) - half][:SHOWN], order[::-1][:half]
    text = "The photo, the truth, and what was found; where nothing is painted there is no class."
    return [
        Samples(title, text, [_sample(photos, i) for i in chosen])
        for title, chosen in (("The worst photos", worst), ("The best photos", best))
        if chosen
    ]


def _sample(photos: Photos, i: int) -> Sample:
    score = photos.rows[i][0]
    return Sample(i, f"mean IoU {score:.0%}", score >= 0.5, None, (photos.overlay(i),))
