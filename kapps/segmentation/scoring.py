"""How good masks are: counts of true and predicted classes, and what follows from them."""

import numpy as np

from kapps.data.placement import IGNORE


def confusion(found: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Pixels of each class that were taken for each class, int64 [true][found].

    Args:
        found, truth: class numbers of one shape; pixels with 255 in `truth` do not count.
    """
    counts = truth != IGNORE
    places = truth[counts].astype(np.int64) * classes + found[counts]
    return np.bincount(places, minlength=classes**2).reshape(classes, classes)


def per_class(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Of each class {"iou", "dice", "accuracy"}, NaN where it neither occurs nor was found, and
    accuracy, the share of its pixels that were found, where it does not occur.

    Args:
        counts: see `confusion`.
    """
    right, true, found = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "iou": right / (true + found - right),
            "dice": 2 * right / (true + found),
            "accuracy": right / true,
        }


def numbers(counts: np.ndarray) -> dict[str, float]:
    """`miou` and `dice`, means over the classes that occur or were found, and `pixel_accuracy`.

    The mean intersection over union is that of PASCAL VOC and of torchvision's references: of the
    pixels of all photos together.
    """
    own = per_class(counts)
    total = counts.sum()
    return {
        "miou": _mean(own["iou"]),
        "pixel_accuracy": float(np.diag(counts).sum() / total) if total else 0.0,
        "dice": _mean(own["dice"]),
    }


def boundary(found: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Pixels near the edges of each class that both have, and that one of them has: [classes, 2].

    Sums of these over photos, one by the other, are Boundary IoU (Cheng et al., 2021,
    arXiv:2103.16562): edges of large things weigh as much there as those of small ones. Near is
    within 2 % of the diagonal; the edge of the photo is one.

    Args:
        found, truth: see `confusion`, of one photo.
    """
    distance = max(1, round(0.02 * float(np.hypot(*truth.shape))))
    counts = truth != IGNORE
    result = np.zeros((classes, 2), np.int64)
    for number in np.union1d(found[counts], truth[counts]):
        ours, theirs = (_rim(mask == number, distance) & counts for mask in (found, truth))
        result[number] = (ours & theirs).sum(), (ours | theirs).sum()
    return result


def _rim(inside: np.ndarray, distance: int) -> np.ndarray:
    """What squares of 3 x 3 pixels take away from a region in `distance` steps."""
    core = np.pad(inside, 1)
    for _ in range(distance):
        core[1:-1] = core[1:-1] & core[:-2] & core[2:]
        core[:, 1:-1] = core[:, 1:-1] & core[:, :-2] & core[:, 2:]
    return inside & ~core[1:-1, 1:-1]


def cross_entropy(shares: np.ndarray, truth: np.ndarray) -> tuple[float, int]:
    """The sum of -log p over the pixels that count, and how many there are.

    Args:
        shares: probabilities (..., classes). truth: class numbers (...).
    """
    counts = truth != IGNORE
    p = np.take_along_axis(shares[counts], truth[counts].astype(np.int64)[:, None], axis=-1)
    return float(-np.log(np.maximum(p, 1e-7)).sum()), int(counts.sum())


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else 0.0
