"""Average precision against pycocotools on files as COCO has them; suppression of answers."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from kapps.data import Transform
from kapps.data.marks import Marks
from kapps.detection import answers, judging

SIZES = [(200, 100), (120, 160), (64, 64)]


def example():
    """Truths, some apart, and detections near them, as lists."""
    rng = np.random.default_rng(3)
    marks, found = [], []
    for width, height in SIZES:
        corner = rng.uniform(0, [width * 0.6, height * 0.6], (5, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(8, 25, (5, 2))], 1)
        labels = rng.integers(0, 3, 5)
        marks.append(Marks.of(boxes, labels, (width, height), [False] * 4 + [True]))
        shifted = np.concatenate([boxes, boxes[::-1]]) + rng.normal(0, 2, (10, 4))
        said = np.concatenate([labels, rng.integers(0, 3, 5)])
        scores = np.sort(rng.uniform(0, 1, 10))[::-1]
        found.append({"boxes": shifted, "scores": scores, "classes": said})
    return marks, found


def test_numbers_are_those_of_pycocotools(tmp_path):
    marks, found = example()
    truths = judging.Truths.of(marks, SIZES, Transform(size=64, crop_pct=1.0, crop_mode="squash"))
    ours = judging.judge(truths, found, 3)

    def row(box):
        return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

    known = {"images": [{"id": i + 10} for i in range(3)], "annotations": []}
    known["categories"] = [{"id": i + 1, "name": str(i)} for i in range(3)]
    said = []
    for i, (one, guess) in enumerate(zip(marks, found, strict=True)):
        for box, label, apart in zip(one.boxes, one.labels, one.apart, strict=True):
            known["annotations"].append(
                {"id": len(known["annotations"]) + 1, "image_id": i + 10, "bbox": row(box)}
                | {"category_id": int(label) + 1, "iscrowd": int(apart)}
                | {"area": float((box[2] - box[0]) * (box[3] - box[1]))}
            )
        for box, score, label in zip(*guess.values(), strict=True):
            said.append(
                {"image_id": i + 10, "bbox": row(box.tolist()), "score": float(score)}
                | {"category_id": int(label) + 1}
            )
    (tmp_path / "truth.json").write_text(json.dumps(known, default=float))
    (tmp_path / "said.json").write_text(json.dumps(said))
    coco = COCO(str(tmp_path / "truth.json"))
    run = COCOeval(coco, coco.loadRes(str(tmp_path / "said.json")), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    expected = [run.stats[0], run.stats[1], run.stats[2], run.stats[8]]
    assert 0.05 < expected[0] < 0.95
    assert [ours.map, ours.map50, ours.map75, ours.recall] == pytest.approx(expected, abs=1e-6)
    precision = run.eval["precision"][0, :, :, 0, -1]
    assert [row[1] for row in ours.per_class] == pytest.approx(precision.mean(axis=0), abs=1e-6)
    counts = np.bincount(np.concatenate([m.labels[~m.apart] for m in marks]), minlength=3)
    assert [row[3] for row in ours.per_class] == counts.tolist()


def test_what_is_taken_for_what():
    whole = Transform(size=64, crop_pct=1.0, crop_mode="squash")
    boxes = [[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50], [52, 0, 62, 10]]
    marks = Marks.of(boxes, [0, 1, 1, 0], (64, 64), [False, False, False, True])
    truths = judging.Truths.of([marks], [(64, 64)], whole)
    found = {
        "boxes": np.array([[0, 0, 10, 9], [20, 20, 30, 30], [1, 30, 9, 39], [52, 0, 62, 10]]),
        "scores": np.array([0.9, 0.8, 0.7, 0.6]),
        "classes": np.array([0, 0, 1, 0]),
    }
    counts = judging.confusion(truths, [found], 2, 0.5)
    # Found; taken for the other and missed; nothing taken for class 1. What stands apart is not.
    assert counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_answers_become_detections_in_the_photo():
    boxes = np.float32([[[0, 0, 32, 32], [2, 0, 32, 32], [40, 40, 60, 60], [5, 5, 6, 6]]])
    scores = np.float32([[[0.9, 0.0], [0.8, 0.0], [0.0, 0.6], [0.001, 0.0]]])
    (one,) = answers.detections({"boxes": boxes, "scores": scores})
    assert one["classes"].tolist() == [0, 1]
    assert one["scores"] == pytest.approx([0.9, 0.6])
    # A photo of 128x100 that is squashed into 64x64.
    place = Transform(size=64, crop_pct=1.0, crop_mode="squash").placement(128, 100)
    moved = answers.moved(one, place, (128, 100))
    assert moved["boxes"] == pytest.approx(np.array([[0, 0, 64, 50], [80, 62.5, 120, 93.75]]))


def test_a_network_that_suppresses_itself_is_taken_at_its_word():
    said = {
        "boxes": np.float32([[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3]]]),
        "scores": np.float32([[0.2, 0.7, 0.0]]),
        "classes": np.int32([[1, 0, -1]]),
    }
    (one,) = answers.detections(said)
    assert one["classes"].tolist() == [0, 1] and one["scores"] == pytest.approx([0.7, 0.2])
