"""What a report shows of how a network sees pictures: a map of them, those alike, those apart."""

from collections.abc import Sequence

import numpy as np

from kapps.errors import MissingPackageError
from kapps.tasks.findings import Finding, Point, Sample, Samples, Scatter

METHODS = {  # name -> what a map of it shows
    "pca": "The two directions in which they differ most",
    "tsne": "Neighbours (t-SNE)",
    "umap": "Neighbours (UMAP)",
}
POINTS = 400  # pictures of a map, each of which is in the page
NEIGHBOURS = 10  # whose mean distance says how far apart a picture is
ALIKE = 0.98  # cosine, from which on two pictures count as nearly the same
SHOWN = 8  # pairs, and pictures apart
BLOCK = 1000  # rows that are compared at a time


def of_rows(
    rows: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str],
    files: Sequence[str],
    method: str,
) -> list[Finding]:
    """The findings about pictures as a network sees them.

    Args:
        rows: what it says below its classifier, float (pictures, n).
        labels: class numbers (pictures,); None without classes.
        names: of the classes.
        files: names of the pictures.
        method: how n numbers become two: "pca", or "tsne" or "umap", which keep neighbours
            together, "umap" also those farther away.

    Raises:
        ValueError: fewer than 3 pictures, or no such method.
        MissingPackageError: "umap" without umap-learn.
    """
    if method not in METHODS or len(rows) < 3:
        raise ValueError(
            f"a map of {len(rows)} pictures by {method!r}: use {' or '.join(METHODS)}, and at "
            "least 3 pictures."
        )
    labels = np.zeros(len(rows), int) if labels is None else np.asarray(labels)
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).round().astype(int)
    places = project(rows[chosen], method)
    said = [names[i] if names else "" for i in labels]
    points = [
        Point(int(i), float(x), float(y), int(labels[i]), f"{said[i]} {files[i]}".strip())
        for i, (x, y) in zip(chosen, places, strict=True)
    ]
    text = f"{METHODS[method]}, of {len(chosen)} of {len(rows):,} pictures below the classifier."
    found: list[Finding] = [Scatter("Map of the pictures", text, list(names), points)]
    pairs, apart = neighbours(rows)
    if pairs:
        samples = [
            Sample(i, f"{n}: {said[i]} {files[i]}", said[pair[0]] == said[pair[1]])
            for n, (_, *pair) in enumerate(pairs[:SHOWN], 1)
            for i in pair
        ]
        text = (
            f"{len(pairs)} pairs of nearest neighbours have a cosine of {ALIKE} or more; the "
            "nearest first, red where their labels differ."
        )
        found.append(Samples("Nearly the same to the network", text, samples))
    order = np.argsort(-apart, kind="stable")[:SHOWN]
    text = f"The farthest from their {min(NEIGHBOURS, len(rows) - 1)} nearest neighbours."
    samples = [Sample(int(i), f"{said[i]} {files[i]}, {apart[i]:.2f}") for i in order]
    return [*found, Samples("Unlike all others", text, samples)]


def project(rows: np.ndarray, method: str) -> np.ndarray:
    """Rows as places in a square, float (pictures, 2) in 0..1.

    Args:
        rows: float (pictures, n).
        method: see `of_rows`.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.asarray(rows, "float64")
    if method == "pca":
        places = PCA(2, random_state=0).fit_transform(rows)
    elif method == "umap":
        places = _umap(rows)
    else:
        near = min(30.0, (len(rows) - 1) / 3)  # scikit-learn's own, which needs three times as many
        places = TSNE(2, perplexity=near, init="pca", random_state=0).fit_transform(rows)
    low, high = places.min(axis=0), places.max(axis=0)
    return (places - low) / np.where(high > low, high - low, 1)


def _umap(rows: np.ndarray) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise MissingPackageError(
            "a map by UMAP needs umap-learn; pip install 'kapps[umap]', or use tsne."
        ) from None

    near = min(15, len(rows) - 1)  # the library's own, where there are so many
    # From the two main directions: its default asks for more pictures than dimensions.
    return UMAP(n_neighbors=near, init="pca", random_state=0, n_jobs=1).fit_transform(rows)


def neighbours(rows: np.ndarray) -> tuple[list[tuple[float, int, int]], np.ndarray]:
    """Pictures nearly the same, and how far apart each is.

    Args:
        rows: float (pictures, n).

    Returns:
        ((cosine, i, j) of nearest neighbours of `ALIKE` or more, each pair once and the nearest
        first; the mean of 1 - cosine to the nearest neighbours of each picture).
    """
    rows = np.asarray(rows, "float32")
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    count = min(NEIGHBOURS, len(rows) - 1)
    pairs, apart = {}, np.zeros(len(rows))
    for start in range(0, len(rows), BLOCK):
        alike = rows[start : start + BLOCK] @ rows.T
        own = np.arange(len(alike))
        alike[own, start + own] = -np.inf
        nearest = alike.argmax(axis=1)
        for i, j in enumerate(nearest):
            if alike[i, j] >= ALIKE:
                pairs[tuple(sorted((start + i, int(j))))] = float(alike[i, j])
        best = np.partition(alike, -count, axis=1)[:, -count:]
        apart[start : start + BLOCK] = 1 - best.mean(axis=1)
    found = sorted(((cosine, *pair) for pair, cosine in pairs.items()), key=lambda row: -row[0])
    return found, apart
