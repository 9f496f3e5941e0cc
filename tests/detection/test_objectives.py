"""Losses of whole detectors against torchvision 0.28's and others' on one example.

The numbers: `compute_loss` of `SSD`, of the two heads of RetinaNet and of `FCOS`, for the anchors,
outputs and truths below; `ForObjectDetectionLoss` and `RTDetrForObjectDetectionLoss` with
`auxiliary_loss`, where the encoder is the first of RT-DETR's three blocks, of transformers 5.24,
and its `GroundingDinoForObjectDetectionLoss` for phrases of one token; `v8DetectionLoss` of
Ultralytics 8.4.190, divided by the batch; `YOLOXHead.get_losses` of yolox 0.3, with the later rule
for which cells are near a thing: 1.5 strides from its middle; `ComputeLossOTA` of sas-yolov7 1.0.7,
the authors' code, with its gains scaled as its training does; `ComputeLoss` of yolov6detect 0.4.1,
Meituan's code, for M and L, and for N.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from kapps.detection import objectives
from kapps.detection.anchors import YOLO_V7, Anchors, Everywhere, Points, grids
from kapps.detection.coders import CellCoder, DeltaCoder, DistanceCoder, ShareCoder
from kapps.layers import OptimalAssignment

pytestmark = pytest.mark.contract

SSD = {"class_loss": 12.846203804016113, "box_loss": 2.439448595046997}
RETINANET = {"class_loss": 43.59307861328125, "box_loss": 2.735008716583252}
FCOS = {
    "class_loss": 20.902456283569336,
    "box_loss": 0.8437087535858154,
    "center_loss": 0.8816097974777222,
}
DETR = {
    "class_loss": 5.878499150276184,
    "box_loss": 8.397753834724426,
    "giou_loss": 4.93720269203186,
}
RT_DETR = {
    "class_loss": 11.435125350952148,
    "box_loss": 8.937307834625244,
    "giou_loss": 4.968936324119568,
}
FOCAL_SET = {**RT_DETR, "class_loss": 10.842592716217041}
YOLOV8 = {
    "class_loss": 275.9258117675781,
    "box_loss": 2.9207303524017334,
    "distance_loss": 2.601355791091919,
}
YOLOX = {
    "class_loss": 2.998769521713257,
    "box_loss": 4.455657958984375,
    "object_loss": 92.22075653076172,
}
YOLOV7 = {
    "class_loss": 0.021519731730222702,
    "box_loss": 0.051934536546468735,
    "object_loss": 0.12088877707719803,
}
YOLOV6 = {
    "giou": {
        "class_loss": 123.64678979819017,
        "box_loss": 1.3080308498004758,
        "distance_loss": 1.1448846474980192,
    },
    "siou": {"class_loss": 106.6866156578332, "box_loss": 1.386370759392706},
}
TRUTH = {
    "boxes": np.float32(
        [
            [[10, 12, 40, 38], [60, 50, 110, 120], [30, 80, 52, 104]],
            [[5, 60, 50, 125], [-1] * 4, [-1] * 4],
        ]
    ),
    "labels": np.int32([[0, 2, 1], [1, -1, -1]]),
}


def boxes():
    """Two anchors at each of 8x8 places."""
    y, x = np.mgrid[8:128:16, 8:128:16]
    middles = np.stack([x.ravel(), y.ravel()] * 2, 1).astype("float32")
    forms = np.float32([-12, -12, 12, 12]), np.float32([-20, -30, 20, 30])
    return np.stack([middles + form for form in forms], 1).reshape(-1, 4)


def points():
    """Those of three levels, as boxes as wide as their stride."""
    rows = []
    for stride in (8, 16, 32):
        y, x = np.mgrid[0:128:stride, 0:128:stride].astype("float32")
        middles = np.stack([x.ravel(), y.ravel()] * 2, 1)
        rows.append(middles + np.float32([-1, -1, 1, 1]) * stride / 2)
    return np.concatenate(rows).astype("float32"), (256, 64, 16)


def outputs(anchors: int, seed: int, positive: bool = False):
    rng = np.random.default_rng(seed)
    logits, codes, center = (rng.normal(size=(2, anchors, n)).astype("float32") for n in (4, 4, 1))
    codes = np.abs(codes) * 2 if positive else codes
    raw = {"class_logits": logits, "box_regression": codes, "centerness": center}
    return {name: ops.convert_to_tensor(value) for name, value in raw.items()}


def found(name, anchors, counts, coder, offset, raw, truth=TRUTH, strides=None, **numbers):
    strides = np.ones(len(anchors), "float32") if strides is None else strides
    layer = SimpleNamespace(
        objective={"name": name, **numbers},
        anchors=Anchors(anchors, strides, counts),
        coder=coder,
        class_offset=offset,
        image_size=(128, 128),
    )
    losses = objectives.of(layer).losses(raw, truth)
    return {key: float(ops.convert_to_numpy(value)) for key, value in losses.items()}


def test_ssd():
    anchors = boxes()
    coder = DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0))
    losses = found("ssd", anchors, (len(anchors),), coder, 1, outputs(len(anchors), 0))
    assert losses == pytest.approx(SSD, rel=1e-5)


def test_retinanet():
    anchors = boxes()
    losses = found("retinanet", anchors, (len(anchors),), DeltaCoder(), 0, outputs(len(anchors), 0))
    assert losses == pytest.approx(RETINANET, rel=1e-5)


def test_fcos():
    anchors, counts = points()
    raw = outputs(len(anchors), 1, positive=True)
    losses = found("fcos", anchors, counts, DistanceCoder(), 0, raw)
    assert losses == pytest.approx(FCOS, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "columns", "losses"),
    [("detr", 5, DETR), ("rt_detr", 4, RT_DETR), ("focal_set", 4, FOCAL_SET)],
)
def test_sets_of_three_blocks(name, columns, losses):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 8, columns)).astype("float32")
    shares = rng.uniform(0.2, 0.8, size=(2, 3, 8, 4)).astype("float32")
    objective = objectives.of(
        SimpleNamespace(
            objective={"name": name},
            anchors=Everywhere(8).lay((128, 128), [(1, 1)]),
            coder=ShareCoder(),
            class_offset=0,
            image_size=(128, 128),
        )
    )
    objective = dataclasses.replace(objective, assignment=OptimalAssignment())
    rows = logits.reshape(2, 24, columns), shares.reshape(2, 24, 4)
    raw = dict(zip(objective.outputs, map(ops.convert_to_tensor, rows), strict=True))
    got = objective.losses(raw, {key: ops.convert_to_tensor(x) for key, x in TRUTH.items()})
    got = {key: float(ops.convert_to_numpy(value)) for key, value in got.items()}
    assert got == pytest.approx(losses, rel=1e-5)


def test_yolov8():
    """One thing is smaller than a cell of the second level."""
    rng = np.random.default_rng(2)
    laid = Points().lay((128, 128), grids((128, 128), (8, 16, 32)))
    logits = rng.normal(size=(2, 336, 4)).astype("float32")
    bins = rng.normal(size=(2, 336, 64)) - 0.5 * np.tile(np.arange(16), 4)
    raw = {"class_logits": logits, "box_regression": bins.astype("float32")}
    raw = {name: ops.convert_to_tensor(value) for name, value in raw.items()}
    truth = {**TRUTH, "boxes": TRUTH["boxes"].copy()}
    truth["boxes"][0, 2] = [100, 8, 109, 15]
    losses = found("yolov8", laid.boxes, laid.counts, DistanceCoder(), 0, raw, truth)
    assert losses == pytest.approx(YOLOV8, rel=1e-5)


def test_yolox():
    rng = np.random.default_rng(4)
    laid = Points(offset=0.0).lay((128, 128), grids((128, 128), (8, 16, 32)))
    logits, codes, thing = (rng.normal(size=(2, 336, n)).astype("float32") for n in (4, 4, 1))
    codes[..., 2:] += 1
    raw = {"class_logits": logits, "box_regression": codes, "objectness": thing}
    raw = {name: ops.convert_to_tensor(value) for name, value in raw.items()}
    losses = found("yolox", laid.boxes, laid.counts, DeltaCoder(clip=None), 0, raw)
    assert losses == pytest.approx(YOLOX, rel=1e-5)


@pytest.mark.parametrize("overlap, bins", (("giou", 17), ("siou", 1)))
def test_yolov6(overlap, bins):
    rng = np.random.default_rng(7)
    laid = Points().lay((128, 128), grids((128, 128), (8, 16, 32)))
    logits = rng.normal(size=(2, 336, 4)).astype("float32")
    if bins > 1:
        codes = rng.normal(size=(2, 336, 4 * bins)) - 0.5 * np.tile(np.arange(bins), 4)
    else:
        codes = rng.uniform(0.5, 4, size=(2, 336, 4))
    raw = {"class_logits": logits, "box_regression": codes.astype("float32")}
    raw = {name: ops.convert_to_tensor(value) for name, value in raw.items()}
    how = {"overlap": overlap, "distance_gain": 0.5 if bins > 1 else 0.0}
    losses = found("yolov6", laid.boxes, laid.counts, DistanceCoder(), 0, raw, **how)
    assert losses == pytest.approx(YOLOV6[overlap], rel=1e-5)


def test_yolov7():
    """The coarsest level has no match."""
    rng, strides = np.random.default_rng(6), (8, 16, 32)
    laid = YOLO_V7.lay((128, 128), grids((128, 128), strides))
    widths = {"class_logits": 4, "box_regression": 4, "objectness": 1}
    raw = {
        name: ops.convert_to_tensor(rng.normal(size=(2, len(laid.boxes), n)).astype("float32"))
        for name, n in widths.items()
    }
    coder = CellCoder("square", reach=2.0)
    losses = found("yolov7", laid.boxes, laid.counts, coder, 0, raw, strides=laid.strides)
    assert losses == pytest.approx(YOLOV7, rel=1e-5)


def test_a_picture_without_anything_has_no_losses_of_boxes():
    anchors = boxes()
    coder = DeltaCoder(weights=(10.0, 10.0, 5.0, 5.0))
    layer = SimpleNamespace(
        objective={"name": "ssd", "iou": 0.5, "negatives": 3},
        anchors=Anchors(anchors, np.ones(len(anchors), "float32"), (len(anchors),)),
        coder=coder,
        class_offset=1,
        image_size=(128, 128),
    )
    truth = {"boxes": -np.ones((2, 3, 4), "float32"), "labels": -np.ones((2, 3), "int32")}
    losses = objectives.of(layer).losses(outputs(len(anchors), 0), truth)
    assert [float(ops.convert_to_numpy(x)) for x in losses.values()] == [0.0, 0.0]


def test_an_objective_that_is_none():
    layer = SimpleNamespace(objective={"name": "sdd"})
    with pytest.raises(ValueError, match="objective='sdd' is not one.*ssd"):
        objectives.of(layer)
