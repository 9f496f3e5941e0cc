"""Losses of two stages against torchvision 0.28's on the same example.

The numbers: `compute_loss` of `RegionProposalNetwork` and `fastrcnn_loss` after
`assign_targets_to_proposals`, for the anchors and truths of `test_objectives` and what `said` says,
all of which fits into the samples, so that none is left to chance.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from kapps.detection import objectives
from kapps.detection.anchors import Anchors
from kapps.detection.coders import DeltaCoder
from kapps.detection.region_objectives import mask_loss
from tests.detection.test_objectives import TRUTH, boxes

pytestmark = pytest.mark.contract

LOSSES = {
    "class_loss": 1.922393798828125,
    "box_loss": 0.4226733446121216,
    "objectness_loss": 0.7768667340278625,
    "region_loss": 0.03428230807185173,
}


def said(anchors: int) -> dict:
    """Of all anchors, and of 26 regions, four of which are missing in the second image."""
    rng = np.random.default_rng(5)
    objectness, codes = (rng.normal(size=(2, anchors, n)).astype("float32") for n in (1, 4))
    near = TRUTH["boxes"][:, [0, 1, 2, 0, 1, 2]] + rng.normal(0, 4, (2, 6, 4))
    corners = rng.uniform(0, 90, (2, 20, 2))
    far = np.concatenate([corners, corners + rng.uniform(5, 38, (2, 20, 2))], -1)
    regions = np.concatenate([near, far], 1).astype("float32")
    regions[1, [1, 2, 4, 5]] = 0
    logits, deltas = (rng.normal(size=(2, 26, 4, *n)).astype("float32") for n in ((), (4,)))
    names = ("objectness", "region_regression", "regions", "class_logits", "box_regression")
    values = (objectness, codes, regions, logits, deltas)
    return {name: ops.convert_to_tensor(x) for name, x in zip(names, values, strict=True)}


@pytest.fixture(scope="module")
def objective():
    anchors = boxes()
    return objectives.of(
        SimpleNamespace(
            objective={"name": "faster_rcnn"},
            anchors=Anchors(anchors, np.ones(len(anchors), "float32"), (len(anchors),)),
            coder=DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0)),
            class_offset=1,
            image_size=(128, 128),
        )
    )


def test_both_stages(objective):
    losses = objective.losses(said(len(objective.anchors)), TRUTH)
    losses = {key: float(ops.convert_to_numpy(value)) for key, value in losses.items()}
    assert losses == pytest.approx(LOSSES, rel=1e-5) and tuple(losses) == objective.parts


def test_a_sample_has_a_quarter_with_truths_and_is_all_that_counts(objective):

    few = dataclasses.replace(objective, regions_sampled=8)
    regions = said(len(objective.anchors))["regions"]
    sample = ops.convert_to_numpy(few.sample(regions, TRUTH, seed=3))
    assert sample.shape == (2, 8, 4) and (sample[..., 2] > sample[..., 0]).all()
    found = few.match(ops.convert_to_tensor(sample), TRUTH)
    assert ops.convert_to_numpy(found.positive).sum(axis=1).tolist() == [2, 2]
    rows = ops.convert_to_numpy(regions)
    assert all((row == rows[i]).all(-1).any() for i in range(2) for row in sample[i])
    # Nothing is there to learn from: no loss, and no division by nothing.
    empty = {"boxes": -np.ones((2, 3, 4), "float32"), "labels": -np.ones((2, 3), "int32")}
    losses = few.losses(said(len(objective.anchors)), empty)
    assert float(ops.convert_to_numpy(losses["box_loss"])) == 0
    assert np.isfinite([float(ops.convert_to_numpy(x)) for x in losses.values()]).all()


def test_masks_of_other_classes_do_not_count():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 3, 2, 2, 4)).astype("float32")
    labels, targets = np.int32([[2, 0, 1]]), rng.integers(0, 2, (1, 3, 2, 2)).astype("float32")
    own = np.stack([logits[0, 0, ..., 2], logits[0, 2, ..., 1]])
    p = 1 / (1 + np.exp(-own))
    expected = -np.log(np.where(targets[0, [0, 2]] > 0, p, 1 - p)).mean()
    loss = mask_loss(*(ops.convert_to_tensor(x) for x in (logits, labels, targets)))
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-5)
