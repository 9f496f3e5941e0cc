"""What a report shows of a model's answers, as plain data that a task fills and JSON can hold.

A task says what was found (`Task.examine`); a page, a TensorBoard event or a terminal draws these
kinds and knows no task.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Finding:
    """What all kinds have.

    Attributes:
        title: its heading.
        text: a sentence or two below it.
    """

    title: str
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Facts(Finding):
    """A few numbers by name; `values` are (name, text)."""

    values: Sequence[tuple[str, str]] = ()


@dataclasses.dataclass(frozen=True)
class Matrix(Finding):
    """Counts [true][answered] of the classes `labels`, such as a confusion matrix."""

    labels: Sequence[str] = ()
    counts: Sequence[Sequence[int]] = ()


@dataclasses.dataclass(frozen=True)
class Table(Finding):
    """Rows of texts and numbers; the name of a column of numbers begins with ">"."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()


@dataclasses.dataclass(frozen=True)
class Curve(Finding):
    """Lines through (x, y) points, by name.

    Attributes:
        x, y: what the axes are.
        lines: name -> points, in the order of x.
        percent: whether both are shares in 0..1.
        diagonal: whether x = y is drawn, the line of a perfect answer.
    """

    x: str = ""
    y: str = ""
    lines: dict[str, Sequence[tuple[float, float]]] = dataclasses.field(default_factory=dict)
    percent: bool = False
    diagonal: bool = False


@dataclasses.dataclass(frozen=True)
class Mark:
    """A box to draw on a picture.

    Attributes:
        box: left, top, right, bottom in pixels of the picture.
        text: to write at its corner.
        kind: "truth", "right" or "wrong".
    """

    box: tuple[float, float, float, float]
    text: str = ""
    kind: str = "truth"


@dataclasses.dataclass(frozen=True)
class Overlay:
    """Masks to paint over a picture, beside each other.

    Attributes:
        truth, found: class numbers, uint8 (height, width) of the picture; 255 for none.
    """

    truth: np.ndarray
    found: np.ndarray


@dataclasses.dataclass(frozen=True)
class Sample:
    """A picture with its answer.

    Attributes:
        index: of the picture, in the order of the data that was judged.
        caption: what to write below it.
        right: whether the answer is.
        picture: a data: address of the picture, once it was read.
        marks: to draw on it when it is read.
    """

    index: int
    caption: str
    right: bool = True
    picture: str | None = None
    marks: Sequence[Mark | Overlay] = ()


@dataclasses.dataclass(frozen=True)
class Samples(Finding):
    """Pictures with their answers, the most telling first."""

    samples: Sequence[Sample] = ()


@dataclasses.dataclass(frozen=True)
class Point:
    """A picture on a map.

    Attributes:
        index: as of a `Sample`.
        x, y: where, in 0..1 from the lower left corner.
        group: the number of its class, for its colour.
        caption: what to say of it.
        picture: a data: address of the picture, once it was read.
    """

    index: int
    x: float
    y: float
    group: int
    caption: str
    picture: str | None = None


@dataclasses.dataclass(frozen=True)
class Scatter(Finding):
    """Pictures as points of a map, in the colours of their classes `names`."""

    names: Sequence[str] = ()
    points: Sequence[Point] = ()


KINDS = {kind.__name__: kind for kind in (Facts, Matrix, Table, Curve, Samples, Scatter)}


def to_plain(findings: Sequence[Finding]) -> list[dict]:
    """As dictionaries that JSON can hold."""
    return [{"kind": type(one).__name__, **dataclasses.asdict(one)} for one in findings]


def from_plain(rows: Sequence[dict]) -> list[Finding]:
    """The inverse of `to_plain`; a kind of a later version is left out."""
    found = []
    for row in rows:
        values = {name: value for name, value in row.items() if name != "kind"}
        if "samples" in values:
            values["samples"] = [Sample(**one) for one in values["samples"]]
        if "points" in values:
            values["points"] = [Point(**one) for one in values["points"]]
        if row["kind"] in KINDS:
            found.append(KINDS[row["kind"]](**values))
    return found
