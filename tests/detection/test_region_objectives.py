"""Losses of two stages against torchvision 0.28's on the same example.

The numbers: `compute_loss` of `RegionProposalNetwork` and `fastrcnn_loss` after
`assign_targets_to_proposals`, for the anchors and truths of `test_objectives` and what `said` says,
all of which fits into the samples, so that none is left to chance. `maskrcnn_loss` (of regions
half a pixel further to the left and above) and `keypointrcnn_loss` for `shapes_example`.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from kapps.detection import host, objectives
from kapps.detection.anchors import Anchors
from kapps.detection.coders import DeltaCoder
from kapps.detection.region_targets import mask_loss
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


def shapes_example() -> tuple[dict, dict]:
    """Masks and joints of three things, and what is said of three regions near them and others."""
    rng = np.random.default_rng(7)
    boxes = np.float32([[[8, 16, 64, 72], [60, 40, 116, 96]], [[20, 30, 76, 86], [-1] * 4]])
    masks = rng.integers(0, 2, (2, 2, 56, 56)).astype("uint8")
    masks[1, 1] = 0
    places = boxes[..., None, :2] + rng.uniform(-12, 68, (2, 2, 5, 2))
    kinds = rng.integers(0, 3, (2, 2, 5, 1))
    truth = {
        "boxes": boxes,
        "labels": np.int32([[0, 2], [1, -1]]),
        "masks": masks,
        "keypoints": np.concatenate([places, kinds], -1).astype("float32"),
    }
    near = boxes + np.float32([3, 2.25, -5, -2])
    far = np.float32([[[0, 0, 0, 0], [0, 0, 0, 0]], [[90, 90, 120, 110], [0, 0, 0, 0]]])
    regions = np.stack([[*near[0], far[0, 0]], [near[1, 0], *far[1]]])
    logits, heatmaps = (
        rng.normal(size=(2, 3, *n)).astype("float32") for n in ((28, 28, 4), (56, 56, 5))
    )
    return truth, {"boxes": regions, "mask_logits": logits, "heatmaps": heatmaps}


def made(name: str):
    anchors = boxes()
    return objectives.of(
        SimpleNamespace(
            objective={"name": name},
            anchors=Anchors(anchors, np.ones(len(anchors), "float32"), (len(anchors),)),
            coder=DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0)),
            class_offset=1,
            image_size=(128, 128),
        )
    )


@pytest.fixture(scope="module")
def objective():
    return made("faster_rcnn")


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


@pytest.mark.parametrize(
    "name, part, expected",
    [
        ("mask_rcnn", "mask_loss", 0.8223015666007996),
        ("keypoint_rcnn", "keypoint_loss", 8.745475769042969),
    ],
)
def test_masks_and_joints_cost_what_they_cost_in_torchvision(name, part, expected):
    truth, raw = shapes_example()
    objective = made(name)
    raw = {**said(len(objective.anchors)), **{k: ops.convert_to_tensor(x) for k, x in raw.items()}}
    truth = {key: ops.convert_to_tensor(x) for key, x in truth.items()}
    losses = objective.losses(raw, truth)
    assert tuple(losses) == objective.parts
    assert float(ops.convert_to_numpy(losses[part])) == pytest.approx(expected, rel=1e-5)
    # Of a sample the branch looks at the regions with a truth alone, and learns nothing of none.
    things = ops.convert_to_numpy(objective.things(raw["boxes"], truth))
    assert (things[..., 2] > 0).sum(axis=1).tolist() == [2, 1]
    if name == "mask_rcnn":
        unknown = objective.losses(raw, {**truth, "masks": ops.zeros_like(truth["masks"])})
        assert float(ops.convert_to_numpy(unknown[part])) == 0


def test_fast_rcnn_by_its_formula():
    """Equations 1 to 3 of the paper in numpy; regions below an overlap of 0.1 do not count."""
    objective = made("fast_rcnn")
    raw = said(len(objective.anchors))
    regions, logits, codes = (
        ops.convert_to_numpy(raw[name]).astype("float64") for name in objective.outputs
    )
    found = objective.match(raw["regions"], TRUTH)
    positive, ignored, truths = (
        ops.convert_to_numpy(x) for x in (found.positive, found.ignored, found.truths)
    )
    best = np.stack(
        [host.overlap(*x).max(axis=1) for x in zip(regions, TRUTH["boxes"], strict=True)]
    )
    there = regions[..., 2] > 0
    np.testing.assert_array_equal(ignored, ~there | (best < 0.1))
    wrong = far = 0.0
    for image, region in zip(*np.nonzero(~ignored), strict=True):
        box, truth = regions[image, region], truths[image, region]
        column = TRUTH["labels"][image, truth] + 1 if positive[image, region] else 0
        row = logits[image, region]
        wrong += np.log(np.exp(row).sum()) - row[column]
        if column:
            goal = TRUTH["boxes"][image, truth].astype("float64")
            size, wanted = box[2:] - box[:2], goal[2:] - goal[:2]
            shift = (goal[:2] + wanted / 2 - box[:2] - size / 2) / size
            t = np.concatenate([10 * shift, 5 * np.log(wanted / size)])
            away = abs(codes[image, region, column] - t)
            far += np.where(away < 1, away**2 / 2, away - 0.5).sum()
    count = (~ignored).sum()
    losses = objective.losses(raw, TRUTH)
    losses = {key: float(ops.convert_to_numpy(value)) for key, value in losses.items()}
    expected = {"class_loss": wrong / count, "box_loss": far / count}
    assert losses == pytest.approx(expected, rel=1e-4)
    assert positive.sum() > 0 and count > positive.sum()
