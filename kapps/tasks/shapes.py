"""What the task of boxes knows of masks and joints: whether they can be learnt, how they are
judged, said and drawn.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kapps.detection import judging_shapes, pasting
from kapps.detection.judging import Judgement, Truths
from kapps.errors import SettingsError

if TYPE_CHECKING:
    import keras

KINDS = {"masks": "mask", "keypoints": "keypoint"}  # in an answer -> in the name of a number
LAYERS = {"masks": "masks", "heatmaps": "keypoints"}  # that say it -> in an answer
SOURCE = "those come from coco: files"


@dataclasses.dataclass(frozen=True)
class Known:
    """What a data set knows beside boxes.

    Attributes:
        outlines: whether anything has one. points: how many a thing has.
    """

    outlines: bool
    points: int

    @classmethod
    def of(cls, annotations: Sequence) -> Self:
        """From a `kapps.data.marks.Marks` of each photo."""
        rows = [marks.shapes for marks in annotations if len(marks.labels)]
        return cls(judging_shapes.known_outlines(rows), judging_shapes.known_points(rows))


def check(network: "keras.Model", learns: str, annotation: str, known: Known | None) -> None:
    """Refuse what cannot be learnt.

    Args:
        network: the detector. learns: of its objective.
        annotation: of the data set. known: of it, None where nobody looked.

    Raises:
        SettingsError: the data set does not know what the network learns, or that does not learn
            all that it says.
    """
    there = {layer.name for layer in network.layers}
    says = next((what for name, what in LAYERS.items() if name in there), "boxes")
    if says != learns:
        raise SettingsError(
            f"{network.name} says {says} and was saved when they were not learnt yet; build it "
            "anew from its application and weights."
        )
    if learns != "boxes" and annotation == "boxes":
        raise SettingsError(
            f"{network.name} also learns {learns}, which annotation=boxes does not have; drop that "
            "setting, or train FasterRCNN, whose boxes are the same."
        )
    if known is None:
        return
    if learns == "masks" and not known.outlines:
        raise SettingsError(
            f"{network.name} learns masks, and the data has no outline of anything; {SOURCE}, or "
            "train FasterRCNN, whose boxes are the same."
        )
    if learns == "keypoints":
        count = network.get_layer("heatmaps").output.shape[-1]
        if known.points != count:
            raise SettingsError(
                f"{network.name} learns {count} keypoints of a thing, and the data has "
                f"{known.points or 'none'}; {SOURCE}."
            )


def metrics(learns: str) -> tuple[str, ...]:
    """The names of the numbers that a network which learns this is judged by, beside its boxes."""
    return (f"{KINDS[learns]}_map",) if learns in KINDS else ()


def judge(truths: Truths, found: Sequence[dict], classes: int) -> dict[str, Judgement]:
    """By the values of KINDS, as far as both sides have them; detections in pixels of photos."""
    judged = {
        "mask": judging_shapes.judge_masks(truths, found, classes),
        "keypoint": judging_shapes.judge_joints(truths, found, classes),
    }
    return {kind: one for kind, one in judged.items() if one is not None}


def numbers(judged: dict[str, Judgement], index: int | None = None) -> dict[str, float]:
    """For JSON: of all classes `mask_map`, `mask_map50`, `mask_map75`, or of one `mask_map`."""
    rows: dict[str, float] = {}
    for kind, one in judged.items():
        if index is None:
            rows |= {f"{kind}_{name}": getattr(one, name) for name in ("map", "map50", "map75")}
        elif one.per_class[index][3]:
            rows[f"{kind}_map"] = one.per_class[index][0]
    return rows


def columns(result: dict[str, Any]) -> dict[str, str]:
    """Titles and cells of what `numbers` put into a result."""
    return {
        f">{kind} mAP@{overlaps} %": f"{100 * result[f'{kind}_{name}']:.1f}"
        for kind in KINDS.values()
        for name, overlaps in (("map", "[.5:.95]"), ("map50", ".5"))
        if f"{kind}_{name}" in result
    }


def said(answer: dict[str, np.ndarray], i: int, place: Any) -> dict:
    """What `kapps predict` says of detection `i` beside its box; JSON-able.

    Args:
        answer: of the photo, see `kapps.detection.answers.moved`.
        place: (`kapps.data.placement.Placement`, (width, height)) of the photo; masks need it.
    """
    row: dict[str, Any] = {}
    if "masks" in answer and place:
        width, height = place[1]
        one = slice(i, i + 1)
        (mask,) = pasting.paste_masks(answer["masks"][one], answer["frames"][one], (height, width))
        row["mask"] = pasting.run_lengths(mask >= pasting.INSIDE)
    if "keypoints" in answer:
        row["keypoints"] = [[round(float(x), 2) for x in point] for point in answer["keypoints"][i]]
    return row


def drawn(rows: Sequence[dict]) -> dict[str, list]:
    """What `kapps.detection.drawing.draw` takes for what `said` put into rows."""
    return {
        "masks": [pasting.of_run_lengths(row["mask"]) for row in rows if "mask" in row],
        "points": [row["keypoints"] for row in rows if "keypoints" in row],
    }
