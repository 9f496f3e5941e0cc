"""The names of COCO's and VOC's classes, and who is told them."""

import pytest

from kapps import _coco
from kapps.models import sources
from kapps.weights import catalog
from tests.tasks import detectors


def test_names_are_those_of_the_publishers():
    """torchvision's list, the 80 of YOLO's and the 90 of TensorFlow's, by their known places."""
    numbered = _coco.class_names("detection", 91)
    assert len(numbered) == 91 and numbered.count("N/A") == 10
    assert [numbered[i] for i in (0, 1, 13, 44, 62, 90)] == [
        *("__background__", "person", "stop sign", "bottle", "chair", "toothbrush"),
    ]
    yolo = _coco.class_names("detection", 80)
    assert len(set(yolo)) == 80
    assert [yolo[i] for i in (0, 11, 15, 39, 56, 79)] == [
        *("person", "stop sign", "cat", "bottle", "chair", "toothbrush"),
    ]
    assert _coco.class_names("detection", 90)[0] == "person"
    voc = _coco.class_names("segmentation", 21)
    assert (voc[0], voc[15], voc[20]) == ("__background__", "person", "tvmonitor")
    assert _coco.class_names("detection", 3) is _coco.class_names("classification", 91) is None


@pytest.mark.parametrize(
    "more, first", [({}, "person"), ({"backend": "torch"}, None), ({"task": "other"}, None)]
)
def test_a_detector_that_no_run_trained_has_them(more, first, monkeypatch):
    spec = {"task": "detection", "size": 64, "crop_pct": 1.0, **more}
    monkeypatch.setattr("kapps.layers.spec_of", lambda _: spec)
    found = sources.resolve(detectors.network(80))
    assert (found.labels[0] if found.labels else None) == first


def test_segmenters_of_torchvision_have_a_tag():
    row = catalog.find("DeepLabV3ResNet50", "coco")
    assert row.url.endswith("deeplabv3_resnet50_coco-cd0a2569.pth")
    assert (row.classes, row.licence, dict(row.metrics)["mIoU"]) == (21, "BSD-3-Clause", 0.664)
