"""Does the exported model answer as the Keras model does, and does it still know its classes?"""

import dataclasses

import numpy as np

from kapps.export.images import Images

# Largest difference allowed, as a share of the largest output. float32: other kernels, another
# order of additions; a wrong graph is off by far more. float16: 11 bits a weight.
TOLERANCE = {"float32": 1e-3, "float16": 5e-2}
# Of a model that itself computes in fewer bits than the exported float32 one.
KERAS_TOLERANCE = {"float16": 5e-2, "bfloat16": 2e-1}
# Without labels, answers that changed may have been wrong before; this many may change for every
# point of accuracy that may be lost.
CHANGES_A_POINT = 5
NAMES = {"top1": "top-1 accuracy", "map50": "mAP@0.5", "miou": "mean IoU"}
NEAR = 0.05  # of the range of a number over the images, within which two answers are the same


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The exported model against Keras on the same images.

    Attributes:
        images: how many.
        where: the data they came from.
        max_difference, mean_difference: of the outputs, absolute.
        relative_difference: the largest, as a share of the largest output.
        agreement: share of images with the same first answer; of several labels, share of the yes
            and no that are the same; of numbers, share within a twentieth of their range.
        keras_top1, exported_top1: accuracy in [0, 1], or the metric below; None without labels.
        metric: what these two are: "top1", "map50". `to_dict` calls them by it.
    """

    images: int
    where: str
    max_difference: float
    mean_difference: float
    relative_difference: float
    agreement: float
    keras_top1: float | None
    exported_top1: float | None
    metric: str = "top1"

    @property
    def drop(self) -> float | None:
        """Points of the metric lost; negative when the exported model is better."""
        if self.keras_top1 is None:
            return None
        return 100 * (self.keras_top1 - self.exported_top1)

    def to_dict(self) -> dict:
        values = dataclasses.asdict(self)
        keras, exported, metric = (values.pop(n) for n in ("keras_top1", "exported_top1", "metric"))
        more = {} if metric == "top1" else {"metric": metric}
        return {
            **values,
            f"keras_{metric}": keras,
            f"exported_{metric}": exported,
            **more,
            "drop": self.drop,
        }


def compare(
    expected: np.ndarray, found: np.ndarray, images: Images, annotation: str = "class"
) -> Comparison:
    """Compare outputs row by row.

    Args:
        expected: of the Keras model, float32 (count, ...).
        found: of the exported model, the same shape.
        images: what both saw.
        annotation: what the outputs are: "class", "labels" or "values".
    """
    if expected.shape != found.shape:
        raise ValueError(f"outputs of shape {found.shape} against {expected.shape} of Keras.")
    difference = np.abs(found - expected)
    finite = bool(np.isfinite(found).all())
    largest = float(np.abs(expected).max()) or 1.0
    first, second = (_answers(x) for x in (expected, found))
    top1 = [None, None]
    if images.labels is not None:
        top1 = [float(np.mean(answers == images.labels)) for answers in (first, second)]
    return Comparison(
        len(images),
        images.where,
        float(difference.max()) if finite else float("inf"),
        float(difference.mean()) if finite else float("inf"),
        float(difference.max()) / largest if finite else float("inf"),
        _agreement(expected, found, annotation),
        *top1,
    )


def judged(check: dict) -> tuple[str, float, float] | None:
    """(name, of Keras, of the file) of the metric in what `Comparison.to_dict` gave, if there is
    one.
    """
    metric = check.get("metric", "top1")
    keras, exported = check.get(f"keras_{metric}"), check.get(f"exported_{metric}")
    return None if keras is None else (NAMES[metric], keras, exported)


def failure(
    result: Comparison, mode: str, max_drop: float, compute_dtype: str = "float32"
) -> str | None:
    """Why this comparison is a failure, in one sentence, or None.

    Args:
        result: what was found.
        mode: how the file is quantised.
        max_drop: points of accuracy that may be lost.
        compute_dtype: what the Keras model computes in.
    """
    if not np.isfinite(result.max_difference):
        return "the exported model gives NaN or infinity."
    limit = TOLERANCE.get(mode)
    if limit is not None:
        limit = max(limit, KERAS_TOLERANCE.get(compute_dtype, 0.0))
    if limit is not None and result.relative_difference > limit:
        return (
            f"the exported model differs from Keras by {result.relative_difference:.2g} of the"
            f" largest output; at most {limit:g} is expected in {mode}."
        )
    if result.drop is not None and result.drop > max_drop:
        return (
            f"{NAMES[result.metric]} fell from {100 * result.keras_top1:.1f} % to"
            f" {100 * result.exported_top1:.1f} % on {result.images} images of {result.where}; at"
            f" most {max_drop:g} points may be lost (--max-drop)."
        )
    changed = 100 * (1 - result.agreement)
    if result.drop is None and changed > CHANGES_A_POINT * max_drop:
        return (
            f"{changed:.0f} % of the answers changed on {result.images} images of {result.where};"
            f" at most {CHANGES_A_POINT * max_drop:g} % may (without labels, {CHANGES_A_POINT} for"
            " each point of --max-drop)."
        )
    return None


def _answers(outputs: np.ndarray) -> np.ndarray:
    """The first answer for each image."""
    return outputs.reshape(len(outputs), -1).argmax(axis=1)


def _agreement(expected: np.ndarray, found: np.ndarray, annotation: str) -> float:
    if annotation == "labels":
        return float(np.mean((expected >= 0.5) == (found >= 0.5)))
    if annotation == "values":
        near = np.abs(found - expected) <= NEAR * np.ptp(expected, axis=0)
        return float(np.mean(near.all(axis=-1)))
    return float(np.mean(_answers(expected) == _answers(found)))
