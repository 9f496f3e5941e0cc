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
from kapps.export.verify import Comparison

BOXES, SCORES, CODES = "boxes", "scores", "codes"
ANCHORS = "anchors.bin"  # float32, little endian: middle x and y, width, height of each
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
        from kapps.layers import Network

        coded(model)  # says what cannot be decoded outside
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
        how = {"coded": coded(model)} if mode == "int8" else {}
        return {"kind": self.kind, **named, **how}

    def write_beside(self, folder: Path, model: Any, spec: dict) -> None:
        if "coded" in spec["output"]:
            anchors_of(model).astype("<f4").tofile(folder / ANCHORS)

    def golden(self, folder: Path, image: np.ndarray, runner: Any, labels: list | None) -> dict:
        """What golden.json says; draws golden_boxes.png."""
        return write_golden(folder, image, runner.predict(image[None]), labels, self.kind)

    def reading(self, runner: Any, folder: Path, spec: dict) -> Any:
        how = spec.get("output", {}).get("coded")
        if not how:
            return runner
        anchors = np.fromfile(folder / how["anchors"], "<f4").reshape(-1, 4)
        return Decoding(runner, anchors, how)

    def compare(self, expected: dict, found: dict, images) -> Comparison:
        if {key: value.shape for key, value in expected.items()} != {
            key: value.shape for key, value in found.items()
        }:
            raise ValueError(f"outputs {sorted(found)} do not fit {sorted(expected)} of Keras.")
        seen = expected[SCORES].max(axis=-1) >= COUNTED
        rows = [np.abs(found[SCORES] - expected[SCORES]).ravel()]
        size = float(max(images.pixels.shape[1:3]))
        rows.append(np.abs(found[BOXES] - expected[BOXES])[seen].ravel() / size)
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


def coded(model: Any) -> dict:
    """How the codes of a detector become boxes, for spec.json.

    Raises:
        ExportError: it is neither by shifts and sizes of anchors nor by distances in strides.
    """
    from kapps.detection import coders

    layer = model.get_layer(BOXES)
    coder, how = layer.coder, {"anchors": ANCHORS, "size": list(layer.image_size)}
    if isinstance(coder, coders.DeltaCoder):
        return {**how, "by": "deltas", "weights": list(coder.weights), "clip": coder.clip}
    if isinstance(coder, coders.DistanceCoder) and coder.in_strides:
        return {**how, "by": "distances"}
    raise ExportError(
        f"{model.name} codes its boxes by {type(coder).__name__}, which is not decoded outside "
        "of an int8 file yet; use float16 or dynamic_int8."
    )


def anchors_of(model: Any) -> np.ndarray:
    """float32 (A, 4): middle x and y, width and height in pixels."""
    boxes = np.asarray(model.get_layer(BOXES).anchors.boxes, "float32")
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def decode(codes: np.ndarray, anchors: np.ndarray, how: dict) -> np.ndarray:
    """Codes (B, A, 4) as boxes in pixels of the input; see `coded` and `anchors_of`."""
    if how.get("by") == "distances":
        far = np.asarray(codes, "float32") * np.tile(anchors[:, 2:], 2)
        edges = [anchors[:, :2] - far[..., :2], anchors[:, :2] + far[..., 2:]]
        return _clipped(np.concatenate(edges, axis=-1), how["size"])
    shift = np.asarray(codes, "float32") / np.asarray(how["weights"], "float32")
    size = shift[..., 2:] if how["clip"] is None else np.minimum(shift[..., 2:], how["clip"])
    middle = shift[..., :2] * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(size) * anchors[:, 2:] / 2
    return _clipped(np.concatenate([middle - half, middle + half], axis=-1), how["size"])


def _clipped(boxes: np.ndarray, size: list[int]) -> np.ndarray:
    height, width = size
    return np.clip(boxes, 0, np.array([width, height] * 2, "float32")).astype("float32")


class Decoding:
    """A runner whose file answers codes, with boxes in their place; see `kapps.export.runners`."""

    def __init__(self, runner: Any, anchors: np.ndarray, how: dict):
        self.runner, self.anchors, self.how = runner, anchors, how

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """{"boxes", "scores"} in real numbers."""
        said = self.runner.predict(images)
        return {BOXES: decode(said[CODES], self.anchors, self.how), SCORES: said[SCORES]}

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
