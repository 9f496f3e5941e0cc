"""A class for each pixel."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kapps.data import placement as placing
from kapps.errors import SettingsError
from kapps.runs import Metric
from kapps.segmentation import painting
from kapps.segmentation import scoring as pixel_scoring
from kapps.tasks import scoring, showing_masks
from kapps.tasks.findings import Finding, Table
from kapps.tasks.supervised import Supervised

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    from PIL.Image import Image

LOSSES = ("cross_entropy", "focal", "dice", "lovasz")
LOGITS = ("logits", "aux_logits")  # layers of the segmenters of this package
NEW = ("neck_", "head_", "aux_")  # how the layers begin that a backbone has not ...
OLD = ("head_conv", "head_norm", "head_act")  # ... but for its last convolution


class Segmentation(Supervised):
    """The mean intersection over union, judged in pixels of the network's input.

    So do torchvision's references; what `kapps predict` writes is in pixels of the photo. Pixels
    that are of no class (255) count for nothing.

    Args:
        loss: "cross_entropy", "focal", "dice" or "lovasz", see `kapps.tasks.pixel_losses`; the sum
            of several with "+", as in "cross_entropy+dice".
        focal_gamma: of "focal".
        class_weights: "balanced" weighs the pixels of each class by the median frequency over its
            own (Eigen and Fergus, 2015, arXiv:1411.4734, section 6.3.2), in the first two losses.
        aux_weight: of the loss of a classifier on the side, as of FCNResNet50 with aux=True.

    Raises:
        SettingsError: a loss that does not exist.
    """

    head = "segmentation"
    annotation = "mask"
    epochs = 40  # its head begins anew, and no other phase trains that
    mixes = True
    on_features = False  # every photo is cut anew, and the mask with it
    averages = False
    draws = True
    column = ("class", ">% of the photo")
    metrics = (
        Metric("miou", trained=False),
        Metric("pixel_accuracy", trained=False),
        Metric("dice", trained=False),
    )

    def __init__(
        self,
        *,
        loss: str = "cross_entropy",
        focal_gamma: float = 2.0,
        class_weights: str = "none",
        aux_weight: float = 0.3,
    ):
        parts = loss.split("+")
        for part in parts:
            if part not in LOSSES or parts.count(part) > 1:
                raise SettingsError(
                    f"loss={loss!r} of masks is one of {', '.join(LOSSES)}, or several of them as "
                    "in cross_entropy+dice."
                )
        self.kind, self.gamma = loss, focal_gamma
        self.weighting, self.aux_weight = class_weights, aux_weight
        self.weights: list[float] | None = None
        self.classes = 0

    def see(self, annotations: np.ndarray, names: Sequence[str]) -> None:  # noqa: ARG002
        self.classes = len(names)

    def fresh(self, network: "keras.Model") -> Sequence["keras.Layer"]:
        return [
            layer
            for layer in network.layers
            if (layer.name.startswith(NEW) and layer.name not in OLD)
            or layer.name.endswith("predictions")
        ]

    def batches(self, train):
        if self.weighting == "balanced" and self.weights is None:
            self.weights = _balanced((masks for _, masks in train.epoch(0)), self.classes)
        return train

    def trainee(self, network: "keras.Model") -> "keras.Model":
        from kapps.layers import Network
        from kapps.tasks.trainee import Sided

        names = [layer.name for layer in network.layers]
        found = [network.get_layer(name).output for name in LOGITS if name in names]
        if found:
            outputs = found if len(found) > 1 else found[0]
            network = Network(network.inputs, outputs, name=network.name)
        return Sided(network, self.aux_weight) if len(network.outputs) > 1 else network

    def loss(self, network: "keras.Model"):
        from kapps.tasks.pixel_losses import PixelLoss

        logits = LOGITS[0] in [layer.name for layer in network.layers]
        return PixelLoss(
            self.kind,
            from_logits=logits or scoring.kind_of(network) == "logits",
            gamma=self.gamma,
            class_weights=self.weights,
        )

    def outputs(self, shape: Any) -> int | None:
        return shape[-1] if isinstance(shape, tuple) and len(shape) == 4 else None

    def answers(self, rows: np.ndarray, kind: str | None = None) -> list[np.ndarray]:  # noqa: ARG002
        """The most probable class of each pixel, uint8 (height, width) of each picture."""
        return list(np.asarray(rows).argmax(axis=-1).astype(np.uint8))

    def examine(
        self, network: "keras.Model", data, advance: Callable | None = None
    ) -> tuple[dict, Callable[[Sequence[str]], list[Finding]]]:
        classes = network.output_shape[-1]
        logits = scoring.kind_of(network) == "logits"
        counts, photos = np.zeros((classes, classes), np.int64), showing_masks.Photos()
        loss, pixels = 0.0, 0
        for images, masks in data:
            count = len(images)
            padding = [(0, data.batch_size - count)] + [(0, 0)] * (images.ndim - 1)
            rows = network.predict_on_batch(np.pad(images, padding, "edge"))[:count]
            rows = scoring.softmax(rows) if logits else np.asarray(rows)
            for shares, truth in zip(rows, masks, strict=True):
                found = shares.argmax(axis=-1).astype(np.uint8)
                own = pixel_scoring.confusion(found, truth, classes)
                photos.add(found, truth, pixel_scoring.numbers(own)["miou"])
                counts += own
                lost, seen = pixel_scoring.cross_entropy(shares, truth)
                loss, pixels = loss + lost, pixels + seen
            if advance:
                advance(count)
        numbers = {"loss": loss / max(pixels, 1), **pixel_scoring.numbers(counts)}
        return numbers, lambda names: showing_masks.findings(counts, photos, names)

    def measure(self, answers: list[np.ndarray], annotations: np.ndarray) -> dict[str, float]:
        """As `evaluate`, without a loss, which needs more than the answers."""
        classes = 1 + max(int(mask.max(initial=0)) for mask in (*answers, _known(annotations)))
        return pixel_scoring.numbers(_counts(answers, annotations, classes))

    def evaluate(
        self,
        answers: list[np.ndarray],
        annotations: np.ndarray,
        labels: Sequence[str],
        ids: Sequence,  # noqa: ARG002
    ) -> dict:
        counts = _counts(answers, annotations, len(labels))
        own = pixel_scoring.per_class(counts)
        pairs = zip(answers, annotations, strict=True)
        rims = sum(pixel_scoring.boundary(*pair, len(labels)) for pair in pairs)
        own["boundary_iou"] = np.where(rims[:, 1], rims[:, 0] / np.maximum(rims[:, 1], 1), np.nan)
        per_class = [
            {
                "index": i,
                "label": labels[i],
                "pixels": int(counts[i].sum()),
                **{name: _plain(values[i]) for name, values in own.items()},
            }
            for i in np.flatnonzero(~np.isnan(own["iou"])).tolist()
        ]
        return {
            **pixel_scoring.numbers(counts),
            "boundary_iou": float(np.nanmean(own["boundary_iou"])) if per_class else 0.0,
            "images": len(answers),
            "per_class": per_class,
        }

    def tables(self, result: dict) -> list[Table]:
        names = ("miou", "pixel_accuracy", "dice", "boundary_iou")
        titles = (">images", ">mIoU %", ">pixels right %", ">dice %", ">boundary IoU %")
        cells = [f"{100 * result[name]:.2f}" for name in names]
        own = ("iou", "dice", "accuracy", "boundary_iou")
        rows = [
            (row["label"], row["pixels"], *(_percent(row[name]) for name in own))
            for row in result["per_class"]
        ]
        columns = ("class", ">pixels", ">IoU %", ">dice %", ">found %", ">boundary IoU %")
        return [
            Table("", "", titles, [(result["images"], *cells)]),
            Table("classes", "", columns, rows),
        ]

    def say(
        self,
        answer: np.ndarray,
        labels: Sequence[str],
        ids: Sequence,  # noqa: ARG002
        top: int,
        place: Any = None,
    ) -> dict:
        """The classes that cover most of the photo, and its mask as the address of an index PNG."""
        mask = in_photo(answer, *place) if place else answer
        shares = np.bincount(mask.ravel(), minlength=len(labels)) / mask.size
        order = [int(i) for i in np.argsort(-shares, kind="stable")[:top] if shares[i]]
        rows = [{"label": labels[i], "index": i, "share": float(shares[i])} for i in order]
        return {"classes": rows, "mask": painting.url(mask)}

    def lines(self, said: dict) -> list[tuple[str, ...]]:
        return [(row["label"], self.text(row["share"])) for row in said["classes"]]

    def draw(self, picture: "Image", said: dict) -> "Image":
        return painting.over(picture, painting.of_url(said["mask"]))

    def keep(self, picture: "Image", said: dict, stem: "Path") -> None:
        """Also write the mask, an index PNG, whose file then stands in what was said."""
        from kapps.files import atomic_write

        super().keep(picture, said, stem)
        file = stem.with_name(f"{stem.name}_mask.png")
        with atomic_write(file, "wb") as out:
            out.write(painting.png(painting.of_url(said["mask"])))
        said["mask"] = str(file)


def in_photo(mask: np.ndarray, placement: placing.Placement, size: tuple[int, int]) -> np.ndarray:
    """A mask of the input as one of the photo: of each pixel the class at its middle.

    Args:
        mask: uint8 [height, width] of the input.
        placement: where the photo lies in it.
        size: (width, height) of the photo.
    """
    (height, width), (wide, high) = mask.shape, size
    p = placement
    x, y = wide / (p.right - p.left), high / (p.bottom - p.top)
    input_in_photo = placing.Placement(
        -p.left * x, -p.top * y, (width - p.left) * x, (height - p.top) * y
    )
    return input_in_photo.mask(mask, (high, wide))


def _counts(answers, annotations, classes: int) -> np.ndarray:
    pairs = zip(answers, annotations, strict=True)
    return sum(pixel_scoring.confusion(found, truth, classes) for found, truth in pairs)


def _known(masks: np.ndarray) -> np.ndarray:
    return masks[masks != placing.IGNORE]


def _balanced(masks, classes: int) -> list[float]:
    """Median frequency over that of each class, where a class occurs; 1 for others."""
    pixels, seen = np.zeros(classes), np.zeros(classes)
    for mask in masks:
        counts = np.bincount(_known(mask), minlength=classes)
        pixels += counts
        seen += counts.sum() * (counts > 0)  # of the photos in which it occurs
    occurs = pixels > 0
    frequency = np.where(occurs, pixels / np.maximum(seen, 1), 1.0)
    return np.where(occurs, np.median(frequency[occurs]) / frequency, 1.0).tolist()


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
