"""Export of detectors: what is converted, how the files of both ends are compared, golden boxes.

A float file answers boxes in pixels. In an int8 file they would be rounded to 1/255 of the picture
again and again; it answers what the head says of each anchor ("codes"), and whoever reads it makes
boxes of them in floats, by the anchors that lie beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from kapps.detection import answers, judging
from kapps.errors import ExportError
from kapps.export import box_codes
from kapps.export.verify import Comparison

BOXES, SCORES, CODES = "boxes", "scores", "codes"
SHOWN = 0.3  # least score of what the golden image shows
COUNTED = 0.05  # least score of an anchor whose box is compared


class Boxes:
    """Boxes and scores of many anchors; see `kapps.export.answers.Rows`."""

    described = "object detector"
    annotation = BOXES

    def __init__(self, spec: dict, model: Any = None):
        self.spec = spec
        if model is None:
            self.kind = spec["output"]["kind"]
        else:
            self.kind = answers.kind_of(model.get_layer(BOXES))

    def count(self, model: Any) -> int:
        if _two_stages(model):  # which answers classes of a number that it does not say
            return (
                model.get_layer("class_logits").output.shape[-1]
                - model.get_layer(BOXES).class_offset
            )
        return model.get_layer(SCORES).output.shape[-1]

    def to_convert(self, model: Any, mode: str) -> Any | None:
        if _two_stages(model):
            raise ExportError(
                f"{model.name} has two stages, and looks again at as many regions as it finds: no "
                "file for phones has operators for that; export a detector of one stage, such as "
                "SSDLite320MobileNetV4ConvSmall, or keep the .keras file."
            )
        if mode != "int8":
            return None
        from kapps.layers import DeformableAttention, Network

        if any(isinstance(layer, DeformableAttention) for layer in model.layers):
            raise ExportError(
                f"{model.name} attends to points of maps that it computes, whose slices LiteRT's "
                "quantiser does not run: there is no int8 file of it; use float16."
            )
        box_codes.coded(model)  # says what cannot be decoded outside
        codes = model.get_layer(BOXES).input
        outputs = {CODES: codes, SCORES: model.get_layer(SCORES).output}
        return Network(model.inputs, outputs, name=model.name)

    def truth(self, dataset: Any, labels: list) -> judging.Truths | None:  # noqa: ARG002
        return judging.Truths.of(dataset.labels, dataset.sizes, dataset.transform)

    def output(self, model: Any, ends: list[dict], mode: str) -> dict:
        """What spec.json says of the outputs: each with its number in the file, and how the codes
        of an int8 file become boxes. What the kind means says `kapps.detection.answers.kind_of`.
        """
        named = {end["name"]: {"index": i, **end} for i, end in enumerate(ends)}
        how = {"coded": box_codes.coded(model)} if mode == "int8" else {}
        return {"kind": self.kind, **named, **how}

    def write_beside(self, folder: Path, model: Any, spec: dict) -> None:
        if "coded" in spec["output"]:
            box_codes.anchors_of(model).astype("<f4").tofile(folder / box_codes.ANCHORS)

    def golden(self, folder: Path, image: np.ndarray, runner: Any, labels: list | None) -> dict:
        """What golden.json says; draws golden_boxes.png."""
        return write_golden(folder, image, runner.predict(image[None]), labels, self.kind)

    def reading(self, runner: Any, folder: Path, spec: dict) -> Any:
        how = spec.get("output", {}).get("coded")
        if not how:
            return runner
        anchors = np.fromfile(folder / how["anchors"], "<f4").reshape(-1, box_codes.width_of(how))
        return Decoding(runner, anchors, how)

    def compare(self, expected: dict, found: dict, images) -> Comparison:
        if {key: value.shape for key, value in expected.items()} != {
            key: value.shape for key, value in found.items()
        }:
            raise ValueError(f"outputs {sorted(found)} do not fit {sorted(expected)} of Keras.")
        height, width = images.pixels.shape[1:3]
        most, size = np.float32([width, height] * 2), float(max(height, width))
        # What sticks out of the input is cut off behind the file, or by who decodes its codes.
        expected, found = (
            {**one, BOXES: np.clip(one[BOXES], 0, most)} for one in (expected, found)
        )
        theirs = _nearest(expected, found, size) if self.kind == answers.SET else found
        seen = expected[SCORES].max(axis=-1) >= COUNTED
        rows = [np.abs(theirs[SCORES] - expected[SCORES]).ravel()]
        rows.append(np.abs(theirs[BOXES] - expected[BOXES])[seen].ravel() / size)
        difference = np.concatenate(rows)
        finite = all(np.isfinite(value).all() for value in found.values())
        said = [answers.detections(one, kind=self.kind) for one in (expected, found)]
        numbers = [None, None]
        if images.labels is not None:
            numbers = [_map50(images.labels, one, expected[SCORES].shape[-1]) for one in said]
        largest = float(difference.max()) if finite else float("inf")
        return Comparison(
            len(images),
            images.where,
            largest,
            float(difference.mean()) if finite else float("inf"),
            largest,
            _agreement(*said),
            *numbers,
            metric="map50",
        )


def _nearest(expected: dict, found: dict, size: float) -> dict:
    """What was found in the place of each box that was expected: a set has no order, and a choice
    among queries that are nearly as sure takes them in either one.
    """
    keys, pictures = (BOXES, SCORES), []
    for row in range(len(expected[BOXES])):
        pairs = [(expected[key][row][:, None], found[key][row]) for key in keys]
        far, apart = (np.abs(one - other).max(axis=-1) for one, other in pairs)
        order = (far / size + apart).argmin(axis=1)
        pictures.append({key: found[key][row][order] for key in keys})
    return {key: np.stack([one[key] for one in pictures]) for key in keys}


def _two_stages(model: Any) -> bool:
    return any(layer.name == "regions" for layer in model.layers)


def _map50(truths: judging.Truths, found: list[dict], classes: int) -> float:
    rows = zip(found, truths.placements, truths.sizes, strict=True)
    return judging.judge(truths, [answers.moved(*row) for row in rows], classes).map50


def _agreement(expected: list[dict], found: list[dict]) -> float:
    """Share of the boxes of both that the other has too."""
    same = total = 0
    for first, second in zip(expected, found, strict=True):
        first, second = (_sure(one) for one in (first, second))
        rows = judging.pairs((first["boxes"], first["classes"]), second)
        same += sum(i is not None and j is not None for i, j in rows)
        total += len(rows)
    return same / total if total else 1.0


def _sure(one: dict) -> dict:
    return {key: value[one["scores"] >= SHOWN] for key, value in one.items()}


class Decoding:
    """A runner whose file answers codes, with boxes in their place; see `kapps.export.runners`."""

    def __init__(self, runner: Any, anchors: np.ndarray, how: dict):
        self.runner, self.anchors, self.how = runner, anchors, how

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """{"boxes", "scores"} in real numbers."""
        said = self.runner.predict(images)
        return {BOXES: box_codes.decode(said[CODES], self.anchors, self.how), SCORES: said[SCORES]}

    def __getattr__(self, name: str):
        return getattr(self.runner, name)


def write_golden(
    folder: Path, image: np.ndarray, answer: dict, labels: list | None, kind: str
) -> dict:
    """Draw golden_boxes.png; returns what golden.json says: the detections for golden.png.

    Args:
        folder: the bundle to be.
        image: uint8 (height, width, channels).
        answer: "boxes" and "scores" of this image, each with a batch of one.
        labels: class names, or None.
        kind: of `kapps.detection.answers.detections`.
    """
    from PIL import Image

    from kapps.detection import drawing

    one = _sure(answers.detections(answer, kind=kind)[0])
    rows = [
        {
            "label": labels[number] if labels else None,
            "index": int(number),
            "score": round(float(score), 5),
            "box": [round(float(x), 2) for x in box],
        }
        for number, score, box in zip(one["classes"], one["scores"], one["boxes"], strict=True)
    ]
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    drawn = drawing.draw(
        Image.fromarray(pixels),
        [row["box"] for row in rows],
        ["" for _ in rows],
        [drawing.colour(row["index"]) for row in rows],
    )
    drawn.save(folder / "golden_boxes.png", optimize=True)
    return {
        "image": "golden.png",
        "drawn": "golden_boxes.png",
        "least_score": SHOWN,
        "iou": None if kind == answers.SET else answers.IOU,
        "detections": rows,
    }
