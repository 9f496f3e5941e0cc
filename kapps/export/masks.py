"""Export of segmenters: how masks are compared, a golden mask, and code that draws one."""

from pathlib import Path
from typing import Any

import numpy as np

from kapps.data.placement import IGNORE
from kapps.export import verify
from kapps.export.answers import Rows
from kapps.segmentation import painting, scoring

MASKS = "masks"  # what spec.json calls such outputs
MASK, DRAWN = "golden_mask.png", "golden_drawn.png"
ALPHA = 140  # of a mask over a photo, of 255


class Masks(Rows):
    """Scores of each pixel; see `kapps.export.answers.Rows`."""

    described = "image segmenter"
    annotation = "mask"

    def __init__(self, spec: dict):
        """As of others; a model that no run trained does not say its annotation."""

    def truth(self, dataset: Any, labels: list) -> np.ndarray:  # noqa: ARG002
        """The masks at the size of the input, uint8 (count, height, width)."""
        return np.concatenate(labels)

    def golden(self, folder: Path, image: np.ndarray, runner: Any, labels: list | None) -> dict:
        """Write the mask that golden.png must give, and the photo with it; returns golden.json."""
        from PIL import Image

        scores = runner.predict(image[None])[0]
        mask = scores.argmax(axis=-1).astype(np.uint8)
        (folder / MASK).write_bytes(painting.png(mask))
        photo = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        painting.over(photo, mask).save(folder / DRAWN, optimize=True)
        shares = np.bincount(mask.ravel(), minlength=scores.shape[-1]) / mask.size
        names = labels or [None] * len(shares)
        return {
            "image": "golden.png",
            "mask": MASK,
            "drawn": DRAWN,
            "classes": [
                {"index": int(i), "label": names[i], "share": round(float(shares[i]), 6)}
                for i in np.flatnonzero(shares)
            ],
        }

    def compare(self, expected: np.ndarray, found: np.ndarray, images) -> verify.Comparison:
        if expected.shape != found.shape:
            raise ValueError(f"outputs of shape {found.shape} against {expected.shape} of Keras.")
        difference = np.abs(found - expected)
        finite = bool(np.isfinite(found).all())
        largest = float(difference.max()) if finite else float("inf")
        masks = [x.argmax(axis=-1) for x in (expected, found)]
        numbers = [None, None]
        if images.labels is not None:
            numbers = [_mean_iou(mask, images.labels, expected.shape[-1]) for mask in masks]
        return verify.Comparison(
            len(images),
            images.where,
            largest,
            float(difference.mean()) if finite else float("inf"),
            largest / (float(np.abs(expected).max()) or 1.0),
            float(np.mean(masks[0] == masks[1])),
            *numbers,
            metric="miou",
        )


def _mean_iou(found: np.ndarray, masks: np.ndarray, classes: int) -> float:
    known = masks[masks != IGNORE]
    classes = max(classes, 1 + int(known.max(initial=0)))
    return scoring.numbers(scoring.confusion(found, masks, classes))["miou"]


def kotlin(spec: dict) -> str:
    """The functions that read a mask and paint it."""
    height, width, classes = spec["output"]["shape"][1:]
    whole = spec["output"]["dtype"] == "uint8"
    least, read = (
        ("-1", "output.get().toInt() and 0xFF")
        if whole
        else ("Float.NEGATIVE_INFINITY", "output.getFloat()")
    )
    room = f"{height} * {width} * {classes}" + ("" if whole else " * 4")
    return f"""/** The class of each pixel of `prepare(photo)`, row by row. */
fun segment(interpreter: Interpreter, photo: Bitmap): ByteArray {{
    val output = ByteBuffer.allocateDirect({room}).order(ByteOrder.nativeOrder())
    interpreter.run(inputOf(photo), output)
    output.rewind()
    return ByteArray({width} * {height}) {{
        var best = 0
        var most = {least}
        for (number in 0 until {classes}) {{
            val score = {read}
            if (score > most) {{
                most = score
                best = number
            }}
        }}
        best.toByte()
    }}
}}

val colors = intArrayOf({_colors(classes)})

/** A mask in the colours of its classes, to lie over the picture of `prepare`. */
fun paint(mask: ByteArray): Bitmap {{
    val pixels = IntArray(mask.size) {{ ({ALPHA} shl 24) or colors[mask[it].toInt() and 0xFF] }}
    return Bitmap.createBitmap(pixels, {width}, {height}, Bitmap.Config.ARGB_8888)
}}

/** The photo as the model sees it, with its classes drawn over it. */
fun draw(interpreter: Interpreter, photo: Bitmap): Bitmap {{
    val result = prepare(photo)
    Canvas(result).drawBitmap(paint(segment(interpreter, photo)), 0f, 0f, null)
    return result
}}"""


def swift(spec: dict) -> str:
    """The functions that read a mask and paint it."""
    height, width, classes = spec["output"]["shape"][1:]
    number = "UInt8" if spec["output"]["dtype"] == "uint8" else "Float32"
    return f"""/// The class of each pixel of `prepare(photo)`, row by row.
func segment(_ interpreter: Interpreter, photo: CGImage) throws -> [UInt8] {{
    try interpreter.copy(inputOf(photo), toInputAt: 0)
    try interpreter.invoke()
    let output = try interpreter.output(at: 0)
    return output.data.withUnsafeBytes {{ bytes in
        let scores = bytes.bindMemory(to: {number}.self)
        return (0..<({height} * {width})).map {{ pixel in
            let first = pixel * {classes}
            return UInt8((0..<{classes}).max {{ scores[first + $0] < scores[first + $1] }}!)
        }}
    }}
}}

let colors: [UInt32] = [{_colors(classes)}]

/// The photo as the model sees it, with the colours of its classes drawn over it.
func draw(_ interpreter: Interpreter, photo: CGImage) throws -> CGImage {{
    var rgba = prepare(photo)
    for (i, number) in try segment(interpreter, photo: photo).enumerated() {{
        let color = colors[Int(number)]
        for (channel, shift) in [(0, UInt32(16)), (1, 8), (2, 0)] {{
            let ours = {ALPHA} * Int(color >> shift & 0xFF)
            rgba[4 * i + channel] = UInt8((ours + {255 - ALPHA} * Int(rgba[4 * i + channel])) / 255)
        }}
    }}
    return rgba.withUnsafeMutableBytes {{ bytes in
        CGContext(
            data: bytes.baseAddress, width: {width}, height: {height}, bitsPerComponent: 8,
            bytesPerRow: 4 * {width}, space: CGColorSpace(name: CGColorSpace.sRGB)!,
            bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)!.makeImage()!
    }}
}}"""


def _colors(classes: int) -> str:
    return ", ".join(f"0x{r:02x}{g:02x}{b:02x}" for r, g, b in painting.palette()[:classes])
