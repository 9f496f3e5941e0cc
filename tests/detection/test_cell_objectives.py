"""The losses of YOLOv1 to v4 against loops over their formulas."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from kapps.detection import objectives
from kapps.detection.anchors import CellAnchors, grids
from kapps.detection.coders import CellCoder, RootCoder

pytestmark = pytest.mark.contract

SIZE, CLASSES = 64, 3
TRUTH = {
    "boxes": np.float32([[[3, 5, 30, 42], [40, 11, 60, 33]], [[21, 11, 58, 57], [-1] * 4]]),
    "labels": np.int32([[1, 0], [2, -1]]),
}
COCO_LIKE = CellAnchors((((10, 13), (16, 30)), ((30, 24), (40, 60))), (16, 32))
HALVES = CellAnchors((((64, 64), (64, 64)),), (32,))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def entropy(logit, target):
    p = sigmoid(logit)
    return -target * np.log(p) - (1 - target) * np.log(1 - p)


def overlap(a, b):
    left, top = np.maximum(a[:2], b[:2])
    right, bottom = np.minimum(a[2:], b[2:])
    both = max(right - left, 0) * max(bottom - top, 0)
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


class Example:
    """Raw outputs and the cells that they are of."""

    def __init__(self, name, layout, coder, strides, spread=1.0):
        self.laid = layout.lay((SIZE, SIZE), grids((SIZE, SIZE), strides))
        self.layer = SimpleNamespace(
            objective={"name": name},
            anchors=self.laid,
            coder=coder,
            class_offset=0,
            image_size=(SIZE, SIZE),
        )
        rng, count = np.random.default_rng(5), len(self.laid.boxes)
        widths = {"class_logits": CLASSES, "box_regression": 4, "objectness": 1}
        self.raw = {
            key: (spread * rng.normal(size=(2, count, n))).astype("float32")
            for key, n in widths.items()
        }
        if name == "yolov1":
            self.raw["box_regression"] = rng.uniform(0.1, 1, (2, count, 4)).astype("float32")
        middles = (self.laid.boxes[:, :2] + self.laid.boxes[:, 2:]) / 2
        self.corners = middles - self.laid.strides[:, None] / 2
        self.shapes = self.laid.boxes[:, 2:] - self.laid.boxes[:, :2]

    def losses(self) -> dict:
        raw = {key: ops.convert_to_tensor(value) for key, value in self.raw.items()}
        found = objectives.of(self.layer).losses(raw, TRUTH)
        return {key: float(ops.convert_to_numpy(value)) for key, value in found.items()}

    def box(self, picture, i):
        """By section 2.1 of YOLOv3."""
        code = self.raw["box_regression"][picture, i].astype("float64")
        middle = self.corners[i] + sigmoid(code[:2]) * self.laid.strides[i]
        half = np.exp(code[2:]) * self.shapes[i] / 2
        return np.concatenate([middle - half, middle + half])

    def learner(self, box):
        """The anchor in whose cell the middle lies and whose shape is most like the truth's."""
        middle, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        away = middle - self.corners
        stride = self.laid.strides[:, None]
        inside = ((away >= 0) & (away < stride)).all(axis=1)
        both = np.minimum(self.shapes, size).prod(axis=1)
        alike = both / (self.shapes.prod(axis=1) + size.prod() - both)
        i = int(np.where(inside, alike, -1).argmax())
        place = away[i] / self.laid.strides[i]
        return i, np.concatenate([place, np.log(size / self.shapes[i])])


def truths(picture):
    rows = zip(TRUTH["boxes"][picture], TRUTH["labels"][picture], strict=True)
    return [(box.astype("float64"), label) for box, label in rows if label >= 0]


def expected_of_cells(example, name):
    parts = {"class_loss": 0.0, "box_loss": 0.0, "object_loss": 0.0}
    ignore = {"yolov2": 0.6, "yolov3": 0.7}[name]
    ignored = 0
    for picture in range(2):
        mine = {}
        for box, label in truths(picture):
            i, goal = example.learner(box)
            mine[i] = (box, label, goal)
        assert len(mine) == len(truths(picture))
        for i in range(len(example.laid.boxes)):
            thing = float(example.raw["objectness"][picture, i, 0])
            says = example.box(picture, i)
            if i not in mine:
                close = max(overlap(says, box) for box, _ in truths(picture)) > ignore
                ignored += close
                lost = entropy(thing, 0) if name == "yolov3" else 0.5 * sigmoid(thing) ** 2
                parts["object_loss"] += 0 if close else lost
                continue
            box, label, goal = mine[i]
            code = example.raw["box_regression"][picture, i].astype("float64")
            logits = example.raw["class_logits"][picture, i].astype("float64")
            weight = 2 - np.prod(box[2:] - box[:2]) / SIZE**2
            hot, sizes = np.eye(CLASSES)[label], 0.5 * ((code[2:] - goal[2:]) ** 2).sum()
            if name == "yolov3":
                places = entropy(code[:2], goal[:2]).sum()
                parts["class_loss"] += entropy(logits, hot).sum()
                parts["object_loss"] += entropy(thing, 1)
            else:
                places = 0.5 * ((sigmoid(code[:2]) - goal[:2]) ** 2).sum()
                parts["class_loss"] += np.log(np.exp(logits).sum()) - logits[label]
                parts["object_loss"] += 0.5 * 5 * (sigmoid(thing) - overlap(says, box)) ** 2
            parts["box_loss"] += weight * (places + sizes)
    assert ignored, "the example says too little"
    return {key: value / 2 for key, value in parts.items()}


@pytest.mark.parametrize("name", ["yolov2", "yolov3"])
def test_errors_of_cells_with_anchors(name):
    example = Example(name, COCO_LIKE, CellCoder(), (16, 32))
    # One of those that learn nothing has found a thing all the same.
    goal = example.learner(TRUTH["boxes"][0, 0].astype("float64"))[0]
    other = goal + 1 if goal % 2 == 0 else goal - 1
    middle, size = np.float64([16.5, 23.5]), np.float64([27, 37])
    place = (middle - example.corners[other]) / example.laid.strides[other]
    example.raw["box_regression"][0, other, :2] = np.log(place / (1 - place))
    example.raw["box_regression"][0, other, 2:] = np.log(size / example.shapes[other])
    assert example.losses() == pytest.approx(expected_of_cells(example, name), rel=1e-4)


def test_boxes_of_yolov4():
    """Complete IoU (1911.08287, equations 10 and 11) of all anchors of a shape like the truth's."""
    example = Example("yolov4", COCO_LIKE, CellCoder(), (16, 32))
    expected, count = 0.0, 0
    for picture in range(2):
        learns = {}
        for box, _ in truths(picture):
            middle, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            away = middle - example.corners
            inside = ((away >= 0) & (away < example.laid.strides[:, None])).all(axis=1)
            both = np.minimum(example.shapes, size).prod(axis=1)
            alike = both / (example.shapes.prod(axis=1) + size.prod() - both)
            best = np.where(inside, alike, -1).max()
            for i in np.flatnonzero(inside & (alike >= min(best, 0.213))):
                if i not in learns or learns[i][1] < alike[i]:
                    learns[i] = box, alike[i]
        count += len(learns)
        for i, (box, _) in learns.items():
            says = example.box(picture, i)
            centres = ((says[:2] + says[2:]) - (box[:2] + box[2:])) / 2
            hull = np.maximum(says[2:], box[2:]) - np.minimum(says[:2], box[:2])
            (w, h), (tw, th) = says[2:] - says[:2], box[2:] - box[:2]
            v = 4 / np.pi**2 * (np.arctan(tw / th) - np.arctan(w / h)) ** 2
            same = overlap(says, box)
            far = (centres**2).sum() / (hull**2).sum()
            expected += 0.07 * (1 - same + far + v * v / (1 - same + v))
    assert count > sum(len(truths(picture)) for picture in range(2)), "the example says too little"
    assert example.losses()["box_loss"] == pytest.approx(expected / 2, rel=1e-4)


def test_squared_errors_of_the_first():
    """Equation 3, and the first sentences below it."""
    example = Example("yolov1", HALVES, RootCoder(), (32,), spread=0.5)
    parts = {"class_loss": 0.0, "box_loss": 0.0, "object_loss": 0.0}
    for picture in range(2):
        mine = {}
        for box, label in truths(picture):
            middle = (box[:2] + box[2:]) / 2
            cell = int(middle[1] // 32) * 2 + int(middle[0] // 32)
            says = []
            for form in (0, 1):
                x, y, w, h = example.raw["box_regression"][picture, 2 * cell + form]
                place = (np.float64([cell % 2, cell // 2]) + (x, y)) * 32
                half = np.float64([w, h]) ** 2 * SIZE / 2
                says.append(overlap(np.concatenate([place - half, place + half]), box))
            form = int(np.argmax(says))
            size = np.sqrt((box[2:] - box[:2]) / SIZE)
            mine[2 * cell + form] = label, says[form], [*(middle / 32 % 1), *size]
        assert len(mine) == len(truths(picture))
        for i in range(8):
            sure = float(example.raw["objectness"][picture, i, 0])
            if i not in mine:
                parts["object_loss"] += 0.5 * sure**2
                continue
            label, target, goal = mine[i]
            parts["object_loss"] += (sure - target) ** 2
            away = example.raw["box_regression"][picture, i] - goal
            parts["box_loss"] += 5 * (away**2).sum()
            logits = example.raw["class_logits"][picture, i]
            parts["class_loss"] += ((logits - np.eye(CLASSES)[label]) ** 2).sum()
    expected = {key: value / 2 for key, value in parts.items()}
    assert example.losses() == pytest.approx(expected, rel=1e-4)
