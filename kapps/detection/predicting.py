"""What a detector finds in images, in one call."""

import dataclasses
from typing import Any

import numpy as np

from kapps.detection.answers import detections as found_in
from kapps.detection.host import suppress_on_host


def detections(
    model: Any,
    images: np.ndarray,
    *,
    threshold: float | None = None,
    iou: float | None = None,
    max_detections: int | None = None,
    regions: np.ndarray | None = None,
    batch_size: int = 32,
) -> list[dict[str, np.ndarray]]:
    """The detections of a detector of this package in images.

    Args:
        model: a detector, such as `kapps.applications.SSD300VGG16()`, or one from a file.
        images: (batch, height, width, 3) in the data format of Keras, RGB in [0, 255], of the size
            of the model's input.
        threshold: least score, which must be more than this; None here and below for what the rule
            has that was published with the network.
        iou: overlap from which on the weaker of two boxes of a class goes; not of a detector of two
            stages, which suppresses itself, with the threshold that it was published with.
        max_detections: how many an image has at most.
        regions: (batch, n, 4) in pixels of the input, where a detector of two stages is to look in
            place of its own regions; one without area does not count.
        batch_size: images at a time.

    Returns:
        For each image {"boxes": float32 (n, 4), left, top, right, bottom in pixels of the input,
        "scores": float32 (n,) in [0, 1], "classes": int32 (n,)}, the surest first. Where class 0 is
        the background, as in torchvision's files, it is never found. Mask R-CNN also
        gives "masks" (n, 28, 28), which `kapps.detection.pasting.paste_masks` puts into the image,
        Keypoint R-CNN "keypoints" (n, 17, 3): x and y in pixels, and a logit.

    Raises:
        ValueError: `model` is no detector, the images are no batch, or a number is out of range or
            has no effect.
    """
    layer = next((x for x in getattr(model, "layers", ()) if x.name == "boxes"), None)
    rule = getattr(layer, "suppression", None)
    if rule is None:
        raise ValueError(
            f"{getattr(model, 'name', model)!r} is no detector of kapps; build one, such as "
            "kapps.applications.SSDLite320MobileNetV3Large()"
        )
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"images have the shape {images.shape}; expected (batch, height, width, 3), as "
            "images[None] is of one image"
        )
    given = {"threshold": threshold, "iou": iou, "max_detections": max_detections}
    rule = dataclasses.replace(rule, **{k: v for k, v in given.items() if v is not None})
    finished = "classes" in model.output
    if finished and (iou is not None or rule.threshold < layer.suppression.threshold):
        raise ValueError(
            f"iou={iou!r}, threshold={threshold!r}: {model.name} suppresses inside, by iou="
            f"{layer.suppression.iou} from a score of {layer.suppression.threshold} on; leave iou "
            "away and choose a higher threshold"
        )
    if regions is not None:
        model, images = _given(model), [images, np.asarray(regions, "float32")]
    answers = model.predict(images, batch_size=batch_size, verbose=0)
    if finished:
        return found_in(answers, rule.threshold, most=rule.max_detections)
    boxes, scores = (np.asarray(answers[key], "float32") for key in ("boxes", "scores"))
    first = int(layer.background == "counted")  # the background has a column, and is no thing
    found = suppress_on_host(boxes, scores[..., first:], rule, layer.anchors.counts)
    return [
        {
            "boxes": found["boxes"][i, :count],
            "scores": found["scores"][i, :count],
            "classes": found["classes"][i, :count] + first,
        }
        for i, count in enumerate(found["count"])
    ]


def _given(model: Any) -> Any:
    """The same detector of images and regions."""
    import keras

    if all(layer.name != "regions" for layer in model.layers):
        raise ValueError(
            f"regions have no effect on {model.name}, which has one stage; drop them, or use a "
            "detector such as kapps.applications.FastRCNNVGG16()"
        )
    return keras.Model([*model.inputs, model.get_layer("regions").output], model.output)
