"""The assignment of queries to truths that costs least in all: DETR's matching.

The costs are computed in `keras.ops`, the assignment by scipy on the host; the layer
`kapps.layers.OptimalAssignment` brings the one to the other on each backend.
"""

import numpy as np
from keras import ops

from kapps.detection.boxes import giou, rescale, to_centres
from kapps.detection.matching import Matches
from kapps.errors import MissingPackageError


def matching_costs(class_costs, predicted, boxes, classes, size, weights=(1.0, 5.0, 2.0)):
    """What it would cost each truth to be each query.

    Source: End-to-End Object Detection with Transformers (Carion et al., 2020, arXiv:2005.12872),
    section 3.1 and appendix A.2.

    Args:
        class_costs: (batch, Q, C), of each query for each class; in DETR minus its probability.
        predicted: (batch, Q, 4), boxes of the queries in pixels.
        boxes, classes: (batch, N, 4) and (batch, N), -1 for padding.
        size: (height, width) of the input, by which distances are shares.
        weights: of class, distance of centre and size, and `giou`.

    Returns:
        (batch, N, Q) float32, without gradients.
    """
    predicted, boxes, costs = (
        ops.stop_gradient(ops.cast(x, "float32")) for x in (predicted, boxes, class_costs)
    )
    hot = ops.one_hot(ops.cast(classes, "int32"), costs.shape[-1], dtype="float32")
    of_class = ops.einsum("bnc,bqc->bnq", hot, costs)
    a, b = (to_centres(rescale(x, size)) for x in (predicted, boxes))
    distance = ops.sum(ops.abs(a[:, None] - b[:, :, None]), axis=-1)
    overlap = giou(predicted[:, None], boxes[:, :, None])
    return weights[0] * of_class + weights[1] * distance - weights[2] * overlap


def assign(costs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The query of each truth, so that the sum of the costs is least: the Hungarian method.

    Args:
        costs: (batch, N, Q); what is not a number, as in a training that diverges, is very high.
        classes: (batch, N), -1 for padding.

    Returns:
        (batch, N) int32: numbers of queries, each once in an image; -1 for padding, and for truths
        beyond the number of queries.

    Raises:
        MissingPackageError: scipy is not installed.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingPackageError(
            "matching queries with truths needs scipy; `pip install 'kapps[recipes]'`."
        ) from error
    costs = np.nan_to_num(np.asarray(costs, "float64"), nan=1e12, posinf=1e12, neginf=-1e12)
    found = np.full(costs.shape[:2], -1, "int32")
    for image, there in enumerate(np.asarray(classes) >= 0):
        truths = np.flatnonzero(there)
        rows, queries = linear_sum_assignment(costs[image, truths])
        found[image, truths[rows]] = queries
    return found


def matches_of(queries, count: int) -> Matches:
    """`Matches` of `count` queries, from the query of each truth (batch, N), -1 for none."""
    hot = ops.equal(ops.cast(queries, "int32")[..., None], ops.arange(count, dtype="int32"))
    positive = ops.any(hot, axis=1)
    truths = ops.cast(ops.argmax(ops.cast(hot, "int32"), axis=1), "int32")
    return Matches(truths, positive, ops.zeros_like(positive), ops.cast(positive, "float32"))
