"""R-CNN: Rich feature hierarchies (Girshick et al., 2014, arXiv:1311.2524).

Regions of `selective_search` are warped to the input of a classifier, AlexNet in the paper. Linear
support vector machines, one a class, read what its last hidden layer says; ridge regressions read
its last map and move the edges:

    network = rcnn.features(kapps.applications.AlexNet(weights="alexnet.h5"))
    found = rcnn.fit(network, photos, boxes, labels).detect(photo)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kapps.detection.coders import DeltaCoder
from kapps.detection.host import overlap, suppress_on_host
from kapps.detection.rules import Suppression
from kapps.detection.selective_search import selective_search
from kapps.detection.windows import CONTEXT, warped
from kapps.errors import MissingPackageError

NEGATIVE = 0.3  # section 2.3: overlap below which a region is no instance of a class
NEAR = 0.6  # appendix C: overlap from which on a region learns the edges of a truth
LAMBDA = 1000.0  # appendix C: of the ridge regression
SUPPRESSED = 0.3  # overlap of two detections of which the weaker goes, by the authors' code
# What the paper leaves to the authors' code: C of the machines, the weight of positives, what the
# bias counts, the mean length of a row of features, and how many new negatives make it fit anew.
COST, POSITIVE, BIAS, LENGTH, RETRAIN = 1e-3, 2.0, 10.0, 20.0, 2000


@dataclass(frozen=True)
class RCNN:
    """What `fit` learnt.

    Attributes:
        network: see `features`.
        kernels, biases: (features, classes) and (classes,) of the machines.
        edges: (classes, features of the map, 4) of the regressions.
        batch_size: regions at a time.
    """

    network: Any
    kernels: np.ndarray
    biases: np.ndarray
    edges: np.ndarray
    batch_size: int = 32

    def detect(
        self,
        image: np.ndarray,
        regions: np.ndarray | None = None,
        *,
        threshold: float = 0.5,
        max_detections: int = 100,
    ) -> dict[str, np.ndarray]:
        """The detections in a photo.

        Args:
            image: (height, width, 3) uint8, RGB.
            regions: (n, 4) in its pixels; those of `selective_search` by default.
            threshold: least score; 0.5 is on the plane of the machine.
            max_detections: how many at most.

        Returns:
            {"boxes", "scores", "classes"} as of `kapps.detections`. A score is the logistic
            function of what the machine says: of the same order, and no measured probability.
        """
        regions = selective_search(image) if regions is None else np.asarray(regions, "float32")
        rows = described(self.network, image, regions, self.batch_size)
        scores = 0.5 * (1 + np.tanh(0.5 * (rows["dense"] @ self.kernels + self.biases)))
        codes = np.einsum("nd,cdk->nck", rows["map"], self.edges)
        boxes = np.asarray(_numpy(DeltaCoder().decode(codes, regions[:, None])))
        height, width = image.shape[:2]
        boxes = np.clip(boxes, 0, [width, height, width, height])
        rule = Suppression(threshold, SUPPRESSED, max_detections, None)
        found = suppress_on_host(boxes[None], scores[None], rule)
        count = found["count"][0]
        return {key: found[key][0, :count] for key in ("boxes", "scores", "classes")}


def features(model: Any, pool: str = "stage5_pool", dense: str = "fc2_act") -> Any:
    """A classifier as R-CNN reads it.

    Args:
        model: a Keras model of RGB images in [0, 255], of a static size.
        pool: the layer of its last map, pool5. dense: of its last hidden units, fc7. The names are
            those of `kapps.applications.AlexNet` and `VGG16`.

    Returns:
        A Keras model that answers {"map": (batch, n), "dense": (batch, m)}.
    """
    import keras

    flat = keras.layers.Flatten(name="map")(model.get_layer(pool).output)
    return keras.Model(model.inputs, {"map": flat, "dense": model.get_layer(dense).output})


def described(
    network: Any, image: np.ndarray, boxes: np.ndarray, batch_size: int = 32
) -> dict[str, np.ndarray]:
    """What the network of `features` says of parts of a photo, warped with 16 pixels around them
    (appendix A): {"map": (n, ...), "dense": (n, ...)} float32.
    """
    boxes = np.asarray(boxes, "float32").reshape(-1, 4)
    size = tuple(network.input_shape[1:3])
    rows = []
    for start in range(0, len(boxes), batch_size):
        parts = warped(image, boxes[start : start + batch_size], size, CONTEXT)
        rows.append({k: _numpy(x) for k, x in network.predict_on_batch(parts).items()})
    return {key: np.concatenate([row[key] for row in rows]) for key in ("map", "dense")}


def fit(
    network: Any,
    images: Sequence[np.ndarray],
    boxes: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    regions: Sequence[np.ndarray] | None = None,
    *,
    cost: float = COST,
    batch_size: int = 32,
) -> RCNN:
    """The machines and the regressions of photos.

    A machine learns the truths of its class and, of the regions that overlap none of them by 0.3,
    those that the machine of the photos before takes for nearly right: hard negatives, in one pass
    (section 2.3).

    Args:
        network: see `features`.
        images: uint8 (height, width, 3) each.
        boxes: (n, 4) of each, in its pixels. labels: (n,), numbers of classes.
        regions: (n, 4) of each; those of `selective_search` by default.
        cost: of an error of the machines, C; of a few photos instead of thousands it takes more.
        batch_size: regions at a time.

    Raises:
        ValueError: a class has no truth.
        MissingPackageError: scikit-learn is not installed.
    """
    truths = [
        (image, np.asarray(own, "float32").reshape(-1, 4), np.asarray(numbers, int).reshape(-1))
        for image, own, numbers in zip(images, boxes, labels, strict=True)
    ]
    counts = np.bincount(np.concatenate([numbers for *_, numbers in truths]))
    if not len(counts) or not counts.all():
        raise ValueError(
            f"there is no truth of the classes {np.flatnonzero(counts == 0).tolist()}; give boxes "
            "of each class, numbered from 0 on"
        )
    known = [described(network, *row[:2], batch_size)["dense"] for row in truths if len(row[1])]
    positives, numbers = np.concatenate(known), np.concatenate([row[2] for row in truths])
    scale = LENGTH / np.linalg.norm(positives, axis=1).mean()
    machines = [Machine(positives[numbers == c] * scale, cost) for c in range(len(counts))]
    pairs: list[list] = [[] for _ in counts]
    for i, (image, own, numbers) in enumerate(truths):
        found = selective_search(image) if regions is None else np.asarray(regions[i], "float32")
        rows = described(network, image, found, batch_size)
        overlaps = overlap(found, own) if len(own) else np.zeros((len(found), 0))
        for number, machine in enumerate(machines):
            of_class = overlaps[:, numbers == number]
            best = of_class.max(axis=1, initial=0)
            machine.look(rows["dense"][best < NEGATIVE] * scale)
            near = best >= NEAR
            if near.any():
                nearest = own[numbers == number][of_class[near].argmax(axis=1)]
                pairs[number].append((rows["map"][near], found[near], nearest))
    planes = [machine.plane() for machine in machines]
    edges = [
        ridge(*(np.concatenate(x) for x in zip(*rows, strict=True)))
        if rows
        else np.zeros((network.output["map"].shape[-1], 4), "float32")
        for rows in pairs
    ]
    kernels = np.stack([kernel for kernel, _ in planes], axis=1) * scale
    biases = np.array([bias for _, bias in planes])
    return RCNN(network, kernels, biases, np.stack(edges), batch_size)


def ridge(rows: np.ndarray, regions: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The regression of edges of one class: what rows of features are multiplied by, (d, 4).

    Source: appendix C, equations 5 to 9; there is no bias.

    Args:
        rows: (n, d), features of the regions.
        regions: (n, 4). boxes: (n, 4), the truth that each overlaps most.

    Raises:
        MissingPackageError: scikit-learn is not installed.
    """
    codes = _numpy(DeltaCoder().encode(boxes, regions))
    model = _sklearn("linear_model").Ridge(alpha=LAMBDA, fit_intercept=False)
    return model.fit(rows, codes).coef_.T.astype("float32")


class Machine:
    """A linear support vector machine that sees its negatives photo by photo.

    Args:
        positives: (n, d).
        cost: see `fit`.
    """

    def __init__(self, positives: np.ndarray, cost: float = COST):
        self.positives, self.negatives, self.cost = positives, positives[:0], cost
        self.model, self.fresh = None, 0

    def look(self, rows: np.ndarray) -> None:
        """Keep of negatives (n, d) what is wrong, or within the margin; fit anew if it is much."""
        if self.model is not None and len(rows):
            rows = rows[self.model.decision_function(rows) > -1]
        self.negatives = np.concatenate([self.negatives, rows])
        self.fresh += len(rows)
        if self.fresh and (self.model is None or self.fresh >= RETRAIN):
            self._fit()

    def plane(self) -> tuple[np.ndarray, float]:
        """(kernel (d,), bias).

        Raises:
            ValueError: nothing was a negative.
        """
        if self.fresh:
            self._fit()
        if self.model is None:
            raise ValueError("no region lies apart from the truths; give more of each photo")
        return self.model.coef_[0], float(self.model.intercept_[0])

    def _fit(self) -> None:
        kind = _sklearn("svm").LinearSVC
        self.model = kind(
            C=self.cost,
            loss="hinge",
            intercept_scaling=BIAS,
            class_weight={1: POSITIVE},
            max_iter=10_000,
            random_state=0,
        )
        rows = np.concatenate([self.positives, self.negatives])
        self.model.fit(rows, np.repeat([1, 0], [len(self.positives), len(self.negatives)]))
        self.fresh = 0


def _numpy(values: Any) -> np.ndarray:
    from keras import ops

    return ops.convert_to_numpy(values)


def _sklearn(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{name}")
    except ImportError as error:
        raise MissingPackageError(
            "R-CNN's machines need scikit-learn; `pip install 'kapps[recipes]'`."
        ) from error
