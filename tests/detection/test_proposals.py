"""Region proposals against a loop over the steps of the paper."""

import numpy as np
import pytest

from kapps.detection.proposals import Proposals, with_truths
from tests.detection.compiled import call

pytestmark = pytest.mark.contract


def test_levels_are_cut_clipped_and_suppressed_apart():
    rng = np.random.default_rng(8)
    corners = rng.uniform(-20, 60, (2, 50, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 50, (2, 50, 2))], -1)
    boxes = boxes.astype("float32")
    boxes[:, 7] = 70, 70, 90, 90  # outside: nothing is left of it
    logits = rng.normal(0, 2, (2, 50)).astype("float32")
    logits[:, 7] = 9
    rule = Proposals(count=12, candidates=15, iou=0.3)
    got = call(rule, boxes, logits, (30, 20), (64, 64))
    for image in range(2):
        found = []
        for level in (range(30), range(30, 50)):
            best = sorted(level, key=lambda i: -logits[image, i])[:15]
            kept = []
            for i in best:
                box = np.clip(boxes[image, i], 0, 64)
                if (box[2:] - box[:2]).min() < 1e-3:
                    continue
                for other in kept:
                    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
                    both = np.clip(sides, 0, None).prod()
                    areas = (box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod()
                    if both / (areas - both) > 0.3:
                        break
                else:
                    kept.append(box)
                    found.append((1 / (1 + np.exp(-logits[image, i])), box))
        found = sorted(found, key=lambda row: -row[0])[:12]
        count = len(found)
        assert got["count"][image] == count
        np.testing.assert_allclose(got["scores"][image, :count], [s for s, _ in found], rtol=1e-5)
        np.testing.assert_array_equal(got["boxes"][image, :count], [b for _, b in found])
        assert not got["boxes"][image, count:].any()


def test_truths_are_regions_too():
    regions, boxes = np.ones((1, 2, 4), "float32"), np.float32([[[1, 2, 3, 4], [5, 6, 7, 8]]])
    got = call(with_truths, regions, boxes, np.array([[3, -1]]))
    np.testing.assert_array_equal(got[0], [[1] * 4, [1] * 4, [1, 2, 3, 4], [0] * 4])
