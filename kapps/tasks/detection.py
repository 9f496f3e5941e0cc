"""What is where: boxes with classes; of a network that says so, masks or joints too."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kapps.detection import answers as answering
from kapps.detection import judging
from kapps.detection.judging import Truths
from kapps.errors import SettingsError
from kapps.runs import Metric
from kapps.tasks import shapes, showing_boxes
from kapps.tasks.findings import Finding, Table
from kapps.tasks.supervised import Supervised

if TYPE_CHECKING:
    import keras
    from PIL.Image import Image

NEW = ("neck_", "head_", "extra_")  # how the layers of a detector's own begin
OUTPUTS = ("boxes", "scores")
FINISHED = (*OUTPUTS, "classes", "masks", "heatmaps")  # of a network that suppresses itself
ANNOTATIONS = ("boxes", "objects")


class Detection(Supervised):
    """Boxes learnt and judged; the network says by which paper's losses, see
    `kapps.detection.objectives`.

    Args:
        box_weight: of the losses of boxes beside those of classes.
        threshold: least score of what `kapps predict` says and a report counts; average precision
            looks at weaker ones too.
        iou: of two boxes of a class that overlap by more than this only the surer one stays.
        most: detections a picture.
        annotation: "boxes", or "objects" for a network with masks or joints, which knows it itself.
        denoising_queries: of a network that has them (RT-DETR), see `kapps.detection.denoising`; 0
            for none, None for as many as its paper.

    Raises:
        SettingsError: a number out of range, or another annotation.
    """

    head = "detection"
    epochs = 40  # its head begins anew, and no other phase trains that
    annotation = "boxes"
    activation = None
    mixes = True
    on_features = False  # every picture is cut anew, and the boxes with it
    column = ("class", ">%", ">left", ">top", ">right", ">bottom")
    averages = False
    draws = True
    metrics = (
        Metric("map", trained=False),
        Metric("map50", trained=False),
        Metric("recall", trained=False),
    )

    def __init__(
        self,
        *,
        box_weight: float = 1.0,
        threshold: float = 0.3,
        iou: float = answering.IOU,
        most: int = answering.MOST,
        annotation: str = "boxes",
        denoising_queries: int | None = None,
    ):
        if annotation not in ANNOTATIONS:
            raise SettingsError(f"annotation={annotation!r}: use {' or '.join(ANNOTATIONS)}.")
        for name, value in (("threshold", threshold), ("iou", iou)):
            if not 0 <= value <= 1:
                raise SettingsError(f"{name}={value} is out of range; use 0 to 1.")
        if not box_weight > 0 or most < 1:
            raise SettingsError(
                f"box_weight={box_weight}, most={most}: use more than 0 and a number from 1."
            )
        self.box_weight, self.threshold, self.iou, self.most = box_weight, threshold, iou, most
        told = 0 if denoising_queries is None else denoising_queries
        if type(told) is not int or told < 0:
            raise SettingsError(
                f"denoising_queries={denoising_queries}: use a number from 1, or 0 for none."
            )
        self.annotation, self.known = annotation, None
        self.denoising_queries = denoising_queries
        self.measuring: tuple | None = None  # (network, what gives its raw outputs too, objective)

    def see(self, annotations: Sequence, names: Sequence[str]) -> None:  # noqa: ARG002
        if self.annotation == "objects":
            self.known = shapes.Known.of(annotations)

    def answering(self, network: "keras.Model") -> "keras.Model":
        from kapps.layers import Network
        from kapps.tasks import detector

        return Network(network.inputs, detector.answers_of(network), name=network.name)

    def fresh(self, network: "keras.Model") -> Sequence["keras.Layer"]:
        return [layer for layer in network.layers if layer.name.startswith(NEW)]

    def trainee(self, network: "keras.Model") -> "keras.Model":
        model = _trainee(network, self.box_weight, self.denoising_queries)
        shapes.check(network, model.objective.learns, self.annotation, self.known)
        parts = (Metric(name, higher=False, share=False) for name in model.objective.parts)
        more = (Metric(name, trained=False) for name in shapes.metrics(model.objective.learns))
        self.metrics = (*type(self).metrics, *more, *parts)
        return model

    def compiled(self, network: "keras.Model") -> dict:  # noqa: ARG002
        return {}  # the trainee has its own

    def outputs(self, shape: Any) -> int | None:
        if not isinstance(shape, dict) or set(OUTPUTS) - set(shape):
            return None
        return shape["scores"][-1] if len(shape["scores"]) == 3 else None

    def count(self, model: "keras.Model") -> int | None:
        """Of a network that suppresses itself too, whose answers do not say how many there are."""
        from kapps.tasks import scoring

        shape = scoring.shape_of(model)
        if not isinstance(shape, dict) or "classes" not in shape:
            return self.outputs(shape)
        columns = model.get_layer("class_logits").output.shape[-1]
        return columns - model.get_layer("boxes").class_offset

    def kind_of(self, model: "keras.Model") -> str:
        """As `kapps.detection.answers.kind_of` has it."""
        return answering.kind_of(model.get_layer("boxes"))

    def answers(self, rows: dict, kind: str | None = None) -> list[dict]:
        kind = kind or answering.BOXES
        return answering.detections(rows, iou=self.iou, most=self.most, kind=kind)

    def truth(self, data: Any, annotations: dict) -> Truths:
        if len(annotations["labels"]) != data.images:
            name, reason = data.skipped[-1]
            raise SettingsError(
                f"{name} became unreadable while it was judged ({reason}); begin anew."
            )
        return Truths.of(data.labels, data.sizes, data.transform)

    def examine(
        self, network: "keras.Model", data, advance: Callable | None = None
    ) -> tuple[dict, Callable[[Sequence[str]], list[Finding]]]:
        from kapps.tasks import detector

        if self.measuring is None or self.measuring[0] is not network:
            self.measuring = (network, *detector.with_raw_outputs(network))
        _, model, objective = self.measuring
        losses = detector.Losses(objective, self.box_weight)
        found, pictures = [], 0
        for images, truth in data:
            count = len(images)
            padding = [(0, data.batch_size - count)] + [(0, 0)] * (images.ndim - 1)
            rows = model.predict_on_batch(np.pad(images, padding, "edge"))
            rows = {key: np.asarray(value)[:count] for key, value in rows.items()}
            losses.add(rows, truth)
            said = {key: rows[key] for key in FINISHED if key in rows}
            found += self.answers(said, self.kind_of(model))
            pictures += count
            if advance:
                advance(count)
        truths = self.truth(data, {"labels": range(pictures)})
        found = moved(found, truths)
        classes = self.count(model)
        result = judging.judge(truths, found, classes)
        numbers = {**losses.means(), "map": result.map, "map50": result.map50}
        numbers["recall"] = result.recall
        numbers |= dict.fromkeys(shapes.metrics(objective.learns), float("nan"))
        judged = shapes.judge(truths, found, classes)
        numbers |= {f"{kind}_map": one.map for kind, one in judged.items()}
        return numbers, lambda names: showing_boxes.findings(
            result, truths, found, names, self.threshold
        )

    def evaluate(
        self,
        answers: list[dict],
        annotations: Truths,
        labels: Sequence[str],
        ids: Sequence,  # noqa: ARG002
    ) -> dict:
        answers = moved(answers, annotations)
        result = judging.judge(annotations, answers, len(labels))
        more = shapes.judge(annotations, answers, len(labels))
        per_class = [
            {
                "index": i,
                "label": labels[i],
                "boxes": boxes,
                "map": ap,
                "map50": ap50,
                "recall": recall,
                **shapes.numbers(more, i),
            }
            for i, (ap, ap50, recall, boxes) in enumerate(result.per_class)
            if boxes
        ]
        return {
            "map": result.map,
            "map50": result.map50,
            "map75": result.map75,
            "recall": result.recall,
            **shapes.numbers(more),
            "images": len(answers),
            "boxes": sum(row["boxes"] for row in per_class),
            "per_class": per_class,
        }

    def measure(self, answers: list[dict], annotations: Truths) -> dict[str, float]:
        """As `evaluate`, without a loss, which needs more than the answers."""
        classes = 1 + max((int(rows.max(initial=0)) for rows in annotations.classes), default=0)
        result = judging.judge(annotations, moved(answers, annotations), classes)
        return {"map": result.map, "map50": result.map50, "recall": result.recall}

    def tables(self, result: dict) -> list[Table]:
        names = ("map", "map50", "map75", "recall")
        titles = (">mAP@[.5:.95] %", ">mAP@.5 %", ">mAP@.75 %", ">recall %")
        cells = [f"{100 * result[name]:.1f}" for name in names]
        more = shapes.columns(result)
        columns = (">images", ">boxes", *titles, *more)
        rows = [
            (row["label"], row["boxes"], *(f"{100 * row[n]:.1f}" for n in ("map", "map50")))
            + (f"{100 * row['recall']:.1f}",)
            for row in result["per_class"]
        ]
        per_class = ("class", ">boxes", ">AP@[.5:.95] %", ">AP@.5 %", ">recall@.5 %")
        numbers = (result["images"], result["boxes"], *cells, *more.values())
        return [
            Table("", "", columns, [numbers]),
            Table("classes", "", per_class, rows),
        ]

    def say(
        self,
        answer: dict,
        labels: Sequence[str],
        ids: Sequence,  # noqa: ARG002
        top: int,  # noqa: ARG002
        place: Any = None,
    ) -> dict:
        """Detections in pixels of the photo, the surest first: all from `threshold` on."""
        answer = answering.moved(answer, *place) if place else answer
        rows = zip(answer["classes"], answer["scores"], answer["boxes"], strict=True)
        return {
            "detections": [
                {
                    "label": labels[number],
                    "index": int(number),
                    "score": float(score),
                    "box": [round(float(x), 2) for x in box],
                    **shapes.said(answer, i, place),
                }
                for i, (number, score, box) in enumerate(rows)
                if score >= self.threshold
            ]
        }

    def lines(self, said: dict) -> list[tuple[str, ...]]:
        return [
            (row["label"], self.text(row["score"]), *(f"{x:.0f}" for x in row["box"]))
            for row in said["detections"]
        ]

    def draw(self, picture: "Image", said: dict) -> "Image":
        from kapps.detection import drawing

        rows = said["detections"]
        return drawing.draw(
            picture,
            [row["box"] for row in rows],
            [f"{row['label']} {row['score']:.0%}" for row in rows],
            [drawing.colour(row["index"]) for row in rows],
            **shapes.drawn(rows),
        )


def moved(found: list[dict], truths: Truths) -> list[dict]:
    """Detections in pixels of the input as those in pixels of the photos."""
    rows = zip(found, truths.placements, truths.sizes, strict=True)
    return [answering.moved(*row) for row in rows]


def _trainee(network: "keras.Model", box_weight: float, queries: int | None) -> "keras.Model":
    """A network as it trains: by its outputs, by regions, or by denoising queries too."""
    from kapps.tasks import denoising, detector, two_stage

    objective = detector.objective_of(network)
    if queries is not None and not objective.denoising_queries:
        raise SettingsError(
            f"denoising_queries={queries} has no effect on {network.name}, which has none; drop it."
        )
    if queries := objective.denoising_queries if queries is None else queries:
        return denoising.DenoisingDetector(network, box_weight, queries)
    kind = two_stage.RegionDetector if "regions" in objective.outputs else detector.Detector
    both = "objectness" in objective.outputs and "regions" in objective.outputs
    return (two_stage.TwoStageDetector if both else kind)(network, box_weight)
