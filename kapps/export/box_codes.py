"""How the codes of an int8 file become boxes: in numpy, and in the Kotlin and Swift of a bundle.

A row of `anchors.bin` is an anchor's middle x and y, width and height in pixels, and, of coders
that count in cells, how many pixels a middle may lie apart.
"""

import dataclasses
from typing import Any

import numpy as np

from kapps.detection import coders
from kapps.errors import ExportError

ANCHORS = "anchors.bin"  # float32, little endian
MOST = 80  # of what is taken to the power of e: exp(80) is a float still


def coded(model: Any) -> dict:
    """How the codes of a detector become boxes, for spec.json.

    Raises:
        ExportError: its coder is none of those that are known here.
    """
    layer = model.get_layer("boxes")
    coder, how = layer.coder, {"anchors": ANCHORS, "size": list(layer.image_size)}
    if isinstance(coder, coders.DeltaCoder):
        return {**how, "by": "deltas", "weights": list(coder.weights), "clip": coder.clip}
    if isinstance(coder, coders.DistanceCoder) and coder.in_strides:
        return {**how, "by": "distances"}
    if isinstance(coder, coders.CellCoder):
        return {**how, "by": "cells" if coder.size == "exp" else "squares"}
    if isinstance(coder, coders.RootCoder):
        return {**how, "by": "roots"}
    if isinstance(coder, coders.ShareCoder):
        return {**how, "by": "shares"}
    raise ExportError(
        f"{model.name} codes its boxes by {type(coder).__name__}, which is not decoded outside "
        "of an int8 file; use float16 or dynamic_int8."
    )


def anchors_of(model: Any) -> np.ndarray:
    """What anchors.bin holds: float32 (A, 4), or (A, 5) where the coder counts in cells."""
    layer = model.get_layer("boxes")
    boxes, coder = np.asarray(layer.anchors.boxes, "float32"), layer.coder
    columns = [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]]
    if coder.by_stride:
        strides = np.asarray(layer.anchors.strides, "float32")
        reach = dict(getattr(coder, "reaches", ()))
        columns.append([[stride * reach.get(int(stride), coder.reach)] for stride in strides])
    return np.concatenate(columns, axis=1).astype("float32")


def width_of(how: dict) -> int:
    """How many numbers of anchors.bin belong to an anchor."""
    return 5 if how.get("by") in ("cells", "squares", "roots") else 4


def decode(codes: np.ndarray, anchors: np.ndarray, how: dict) -> np.ndarray:
    """Codes (B, A, 4) as boxes in pixels of the input; see `coded` and `anchors_of`."""
    codes, by = np.asarray(codes, "float32"), how.get("by", "deltas")
    places, sides, reach = anchors[:, :2], anchors[:, 2:4], anchors[:, 4:]
    first, last = codes[..., :2], codes[..., 2:]
    if by == "distances":
        edges = [places - first * sides, places + last * sides]
    else:
        if by == "deltas":
            weights = np.asarray(how["weights"], "float32")
            size = (
                last / weights[2:]
                if how["clip"] is None
                else np.minimum(last / weights[2:], how["clip"])
            )
            middle, size = places + first / weights[:2] * sides, np.exp(size)
        elif by == "shares":
            middle, size = first * sides, last
        elif by == "roots":
            middle, size = places + (first - 0.5) * reach, np.square(last)
        else:
            middle = places + (_share(first) - 0.5) * reach
            size = np.exp(last) if by == "cells" else np.square(2 * _share(last))
        half = size * sides / 2
        edges = [middle - half, middle + half]
    height, width = how["size"]
    most = np.array([width, height] * 2, "float32")
    return np.clip(np.concatenate(edges, axis=-1), 0, most).astype("float32")


def _share(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


# A middle and half of a size along one axis, in Kotlin and Swift alike.
FORMS = {
    "deltas": ("{place} + {code} / {first}{f} * {side}", "grown({size} / {last}{f}) * {side} / 2"),
    "cells": ("{place} + (share({code}) - 0.5{f}) * reach", "grown({size}) * {side} / 2"),
    "squares": (
        "{place} + (share({code}) - 0.5{f}) * reach",
        "2 * share({size}) * share({size}) * {side}",
    ),
    "roots": ("{place} + ({code} - 0.5{f}) * reach", "{size} * {size} * {side} / 2"),
    "shares": ("{code} * {side}", "{size} * {side} / 2"),
}
AXES = (("x", "width", 0), ("y", "height", 1))


@dataclasses.dataclass(frozen=True)
class Language:
    """How a language writes the body of `decode`.

    Attributes:
        let: begins an assignment.
        f: stands behind a number.
        code: number {} of what the head says.
        anchor: takes x, y, width and height from an anchor of {0} numbers.
        reach, grown, share: what only some coders need.
        cut: an edge within the input.
        answer: returns the four edges.
    """

    let: str
    f: str
    code: str
    anchor: str
    reach: str
    grown: str
    share: str
    cut: str
    answer: str

    def body(self, how: dict) -> str:
        """Of the function that makes a box of codes."""
        by, columns = how["by"], width_of(how)
        lines = [self.anchor.format(columns)]
        if columns > 4:
            lines.append(self.reach.format(columns))
        if by in ("deltas", "cells"):
            lines.append(self.grown.format(f"{how.get('clip') or MOST:.6f}{self.f}"))
        if by in ("cells", "squares"):
            lines.append(self.share)
        if by != "distances":
            lines += self._middles(how)
        height, width = how["size"]
        pairs = zip(self._edges(by), (width, height) * 2, strict=True)
        cut = [self.cut.format(edge=edge, side=side) for edge, side in pairs]
        return "\n".join([*lines, self.answer.format(",\n".join(cut))])

    def _middles(self, how: dict) -> list[str]:
        """Assignments of middleX, halfX, middleY and halfY."""
        found = []
        for axis, side, number in AXES:
            weights = how.get("weights", (1.0,) * 4)
            values = {"first": weights[number], "last": weights[number + 2], "f": self.f}
            values |= {"place": axis, "side": side}
            values |= {"code": self.code.format(number), "size": self.code.format(number + 2)}
            for name, form in zip(("middle", "half"), FORMS[how["by"]], strict=True):
                found.append(f"    {self.let} {name}{axis.upper()} = {form.format(**values)}")
        return found

    def _edges(self, by: str) -> list[str]:
        """Left, top, right and bottom, not cut off at the borders yet."""
        if by == "distances":
            return [
                f"{axis} {sign} {self.code.format(number + 2 * (sign == '+'))} * {side}"
                for sign in "-+"
                for axis, side, number in AXES
            ]
        return [f"middle{axis} {sign} half{axis}" for sign in "-+" for axis in "XY"]


KOTLIN = Language(
    let="val",
    f="f",
    code="code[{}]",
    anchor="    val (x, y, width, height) = anchors.slice({0} * i until {0} * i + 4)",
    reach="    val reach = anchors[{} * i + 4]",
    grown="    fun grown(code: Float) = kotlin.math.exp(minOf(code, {}))",
    share="    fun share(code: Float) = 1 / (1 + kotlin.math.exp(-code))",
    cut="        ({edge}).coerceIn(0f, {side}f)",
    answer="    return floatArrayOf(\n{}\n    )",
)
SWIFT = Language(
    let="let",
    f="",
    code="code[4 * i + {}]",
    anchor="""\
    let (x, y) = (anchors[{0} * i], anchors[{0} * i + 1])
    let (width, height) = (anchors[{0} * i + 2], anchors[{0} * i + 3])""",
    reach="    let reach = anchors[{} * i + 4]",
    grown="    func grown(_ code: Float) -> Float {{ exp(min(code, {})) }}",
    share="    func share(_ code: Float) -> Float { 1 / (1 + exp(-code)) }",
    cut="        min(max({edge}, 0), {side})",
    answer="    return [\n{},\n    ]",
)


def kotlin(how: dict) -> str:
    """The functions that read the anchors and make a box of codes."""
    how = {"by": "deltas", **how}
    return f"""\
/** `{ANCHORS}` of the bundle: {_meaning(how)}. */
fun readAnchors(file: InputStream): FloatArray {{
    val bytes = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    return FloatArray(bytes.remaining()).also {{ bytes.get(it) }}
}}

/** What the head says of anchor i as left, top, right, bottom in pixels of the input. */
fun decode(code: FloatArray, anchors: FloatArray, i: Int): FloatArray {{
{KOTLIN.body(how)}
}}

"""


def swift(how: dict) -> str:
    """The same in Swift."""
    how = {"by": "deltas", **how}
    return f"""\
/// `{ANCHORS}` of the bundle: {_meaning(how)}.
func readAnchors(_ file: URL) throws -> [Float] {{
    try Data(contentsOf: file).withUnsafeBytes {{ Array($0.bindMemory(to: Float32.self)) }}
}}

/// What the head says of anchor i as left, top, right, bottom in pixels of the input.
func decode(_ code: [Float], _ anchors: [Float], _ i: Int) -> [Float] {{
{SWIFT.body(how)}
}}

"""


def _meaning(how: dict) -> str:
    more = " and the reach of its middle" if width_of(how) > 4 else ""
    return f"middle x and y, width, height{more} of each anchor"
