"""The classes of COCO and of PASCAL VOC, as published detectors and segmenters number them."""

from functools import cache
from importlib.resources import files

GAP = "N/A"  # a number that COCO gave to no class
# Background and the 20 classes of VOC, in their order by name.
VOC = (
    "__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat",
    "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep",
    "sofa", "train", "tvmonitor",
)  # fmt: skip


@cache
def numbered() -> tuple[str, ...]:
    """The label of each of COCO's numbers from 0, background, to 90; `GAP` where there is none."""
    table = files("kapps").joinpath("coco_classes.tsv").read_text("utf-8")
    return tuple(line.split("\t")[1] for line in table.splitlines()[1:])


def class_names(task: str | None, classes: int) -> tuple[str, ...] | None:
    """What the outputs of a published network are called; None where nobody can tell.

    Args:
        task: of the network: "detection" or "segmentation".
        classes: of a detector 91 (torchvision, DETR: by COCO's numbers), 90 (EfficientDet: from
            number 1) or 80 (YOLO: without the gaps); of a segmenter 21, VOC's.
    """
    if task == "segmentation":
        return VOC if classes == len(VOC) else None
    names = numbered()
    known = (names, names[1:], tuple(name for name in names[1:] if name != GAP))
    found = (one for one in known if len(one) == classes)
    return next(found, None) if task == "detection" else None
