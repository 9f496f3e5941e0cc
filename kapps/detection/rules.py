"""What a suppression does, said without a backend: in graphs, on the host, in settings."""

from dataclasses import dataclass

CHUNK = 256  # boxes that hard suppression looks at in one go
METHODS = ("hard", "linear", "gaussian", "matrix", "none")


@dataclass(frozen=True)
class Suppression:
    """The rule by which a detector's boxes become detections.

    Attributes:
        threshold: the highest score that is not a detection.
        iou: overlap from which on the weaker of two boxes goes ("hard") or is weakened ("linear").
        max_detections: how many an image has at most.
        candidates: how many of the best scores are looked at; None for all.
        candidates_of: "image", or "level" where each level of a pyramid has that many of its own
            (RetinaNet, FCOS), or "class" where each class has (SSD).
        best_class: whether a box is of its best class alone, or of each above the threshold.
        agnostic: whether a box also suppresses those of other classes.
        method: "hard"; "linear" or "gaussian", soft suppression (Bodla et al., 2017,
            arXiv:1704.04503, equations 2 and 3), or "matrix" (SOLOv2, Wang et al., 2020,
            arXiv:2003.10152, equations 3 and 4, with the gaussian), which weakens all at once;
            "none" leaves all, for networks that find each thing once.
        sigma: width of the gaussian of "gaussian", exp(-iou**2 / sigma), and "matrix",
            exp(-sigma * iou**2).
    """

    threshold: float = 0.05
    iou: float = 0.5
    max_detections: int = 100
    candidates: int | None = 1000
    candidates_of: str = "image"
    best_class: bool = False
    agnostic: bool = False
    method: str = "hard"
    sigma: float | None = None

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"method={self.method!r}: expected one of {', '.join(METHODS)}")
        if self.candidates_of not in ("image", "level", "class"):
            raise ValueError(
                f"candidates_of={self.candidates_of!r}: expected image, level or class"
            )
        if self.best_class and self.candidates_of == "class":
            raise ValueError(
                "candidates_of='class' with best_class=True has no effect; drop one of them"
            )
        for name in ("threshold", "iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r}: expected a number in [0, 1]")
        for name in ("max_detections", "candidates"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value!r}: expected a whole number of at least 1")

    @property
    def width(self) -> float:
        """Of the gaussian: the papers' own where none is given."""
        return (2.0 if self.method == "matrix" else 0.5) if self.sigma is None else self.sigma
