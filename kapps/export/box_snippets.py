"""The Kotlin and Swift of a detector: read its outputs, make boxes, suppress, map to the photo."""

from kapps.detection import answers
from kapps.export import box_codes

KOTLIN_IMPORTS = """\
import android.graphics.Color
import android.graphics.RectF
import java.io.InputStream
"""
SWIFT_IMPORTS = "import UIKit\n"


def _ends(spec: dict) -> list[dict]:
    ends = [e for e in spec["output"].values() if isinstance(e, dict) and "shape" in e]
    return sorted(ends, key=lambda end: end["index"])


def _numbers(spec: dict) -> dict:
    """What both languages fill in."""
    _, height, width, _ = spec["input"]["shape"]
    count, classes = spec["output"]["scores"]["shape"][1:]
    how = spec["output"].get("coded")
    return {"height": height, "width": width, "count": count, "classes": classes, "how": how}


def kotlin(spec: dict) -> str:
    """The functions `detect` and what it calls."""
    n, whole = _numbers(spec), spec["output"]["kind"] == answers.SET
    reads, arrays = [], []
    for end in _ends(spec):
        columns, name = end["shape"][-1], end["name"]
        kind = "ByteArray" if end["quantization"] else "FloatArray"
        arrays.append(f"    val {name}Out = arrayOf(Array({n['count']}) {{ {kind}({columns}) }})")
        real = "row"
        if q := end["quantization"]:
            one = f"((it.toInt() and 0xFF) - {q['zero_point']}) * {q['scale']!r}f"
            real = f"FloatArray(row.size) {{ i -> row[i].let {{ {one} }} }}"
        reads.append(f"    val {name} = {name}Out[0].map {{ row -> {real} }}")
    outs = ", ".join(f"{end['index']} to {end['name']}Out" for end in _ends(spec))
    anchors = ", anchors: FloatArray" if n["how"] else ""
    box = "decode(codes[i], anchors, i)" if n["how"] else "boxes[i]"
    lines = "\n".join([*arrays, f"    val outputs = mapOf<Int, Any>({outs})"])
    body = _KOTLIN.replace("@LINES@", lines).replace("@READS@", "\n".join(reads))
    for key, value in {
        "@BOX@": box,
        "@ANCHORS@": anchors,
        "@OVERLAP@": "" if whole else _KOTLIN_OVERLAP,
        "@KEPT@": _KOTLIN_KEPT[whole],
        "@FIRST@": str(int(spec["output"]["kind"] == answers.BACKGROUND)),
        "@COUNT@": str(n["count"]),
        "@CLASSES@": str(n["classes"]),
        "@X@": str(n["width"]),
        "@Y@": str(n["height"]),
        "@SCALE@": _scale_kotlin(spec),
    }.items():
        body = body.replace(key, value)
    return (box_codes.kotlin(n["how"]) if n["how"] else "") + body


def _scale_kotlin(spec: dict) -> str:
    """The two scales of `prepare`, again: how many pixels of the input one of the photo is."""
    tall, wide = spec["resize"]["resize_to"]
    ratios = f"{wide}f / photo.width, {tall}f / photo.height"
    choose = {"center": "max", "border": "min"}.get(spec["resize"]["crop_mode"])
    if choose:
        return f"{choose}Of({ratios}).let {{ Pair(it, it) }}"
    return f"Pair({ratios})"


_KOTLIN_OVERLAP = """\
/** Intersection over union. */
fun overlap(a: RectF, b: RectF): Float {
    val width = minOf(a.right, b.right) - maxOf(a.left, b.left)
    val height = minOf(a.bottom, b.bottom) - maxOf(a.top, b.top)
    if (width <= 0 || height <= 0) return 0f
    val shared = width * height
    return shared / (a.width() * a.height() + b.width() * b.height() - shared)
}

"""
_KOTLIN_KEPT = (
    """\
    // Of boxes of one label that overlap by more than a half the surest stays.
    val kept = ArrayList<Detection>()
    for (one in found.sortedByDescending { it.score }) {
        if (kept.size == most) break
        if (kept.none { it.label == one.label && overlap(it.box, one.box) > 0.5f }) kept.add(one)
    }""",
    """\
    // The model finds each thing once: boxes that overlap are several things.
    val kept = found.sortedByDescending { it.score }.take(most)""",
)

_KOTLIN = """\
/** A thing in a photo: the line of labels.txt, how sure, and its box in pixels of the photo. */
data class Detection(val label: Int, val score: Float, val box: RectF)

@OVERLAP@/** What is where in an upright photo. */
fun detect(
    interpreter: Interpreter, photo: Bitmap@ANCHORS@, least: Float = 0.3f, most: Int = 100
): List<Detection> {
@LINES@
    interpreter.runForMultipleInputsOutputs(arrayOf(inputOf(photo)), outputs)
@READS@
    val found = ArrayList<Detection>()
    for (i in 0 until @COUNT@) for (label in @FIRST@ until @CLASSES@) {
        if (scores[i][label] < least) continue
        val (left, top, right, bottom) = @BOX@
        found.add(Detection(label, scores[i][label], RectF(left, top, right, bottom)))
    }
@KEPT@
    // From pixels of the input to those of the photo: `prepare` backwards.
    val (x, y) = @SCALE@
    val left = (@X@ - x * photo.width) / 2
    val top = (@Y@ - y * photo.height) / 2
    for (one in kept) one.box.set(
        ((one.box.left - left) / x).coerceIn(0f, photo.width.toFloat()),
        ((one.box.top - top) / y).coerceIn(0f, photo.height.toFloat()),
        ((one.box.right - left) / x).coerceIn(0f, photo.width.toFloat()),
        ((one.box.bottom - top) / y).coerceIn(0f, photo.height.toFloat())
    )
    return kept
}

/** The photo with boxes, labels and scores drawn on it; `labels` are the lines of labels.txt. */
fun draw(photo: Bitmap, found: List<Detection>, labels: List<String>): Bitmap {
    val result = photo.copy(Bitmap.Config.ARGB_8888, true)
    val canvas = Canvas(result)
    val line = Paint()
    line.color = Color.GREEN
    line.style = Paint.Style.STROKE
    line.strokeWidth = maxOf(2f, result.width / 200f)
    val text = Paint(Paint.ANTI_ALIAS_FLAG)
    text.color = Color.GREEN
    text.textSize = maxOf(12f, result.width / 25f)
    for (one in found) {
        canvas.drawRect(one.box, line)
        val said = "${labels[one.label]} ${(100 * one.score).toInt()} %"
        canvas.drawText(said, one.box.left, one.box.top + text.textSize, text)
    }
    return result
}"""


def swift(spec: dict) -> str:
    """The same in Swift."""
    n, whole = _numbers(spec), spec["output"]["kind"] == answers.SET
    reads = []
    for end in _ends(spec):
        name = end["name"]
        if q := end["quantization"]:
            real = f".data.map {{ (Float($0) - {q['zero_point']}) * {q['scale']!r} }}"
        else:
            real = ".data.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }"
        reads.append(f"    let {name} = try interpreter.output(at: {end['index']}){real}")
    tall, wide = spec["resize"]["resize_to"]
    ratios = f"({wide} / CGFloat(photo.width), {tall} / CGFloat(photo.height))"
    choose = {"center": "max", "border": "min"}.get(spec["resize"]["crop_mode"])
    scale = f"    let scale = {choose}{ratios}\n    let (x, y) = (scale, scale)"
    body = _SWIFT.replace("@READS@", "\n".join(reads))
    for key, value in {
        "@BOX@": "decode(codes, anchors, i)" if n["how"] else "Array(boxes[4 * i..<4 * i + 4])",
        "@ANCHORS@": "anchors: [Float], " if n["how"] else "",
        "@OVERLAP@": "" if whole else _SWIFT_OVERLAP,
        "@KEPT@": _SWIFT_KEPT[whole],
        "@FIRST@": str(int(spec["output"]["kind"] == answers.BACKGROUND)),
        "@COUNT@": str(n["count"]),
        "@CLASSES@": str(n["classes"]),
        "@X@": str(n["width"]),
        "@Y@": str(n["height"]),
        "@SCALE@": scale if choose else f"    let (x, y) = {ratios}",
    }.items():
        body = body.replace(key, value)
    return (box_codes.swift(n["how"]) if n["how"] else "") + body


_SWIFT_OVERLAP = """\
/// Intersection over union.
func overlap(_ a: CGRect, _ b: CGRect) -> CGFloat {
    let shared = a.intersection(b)
    if shared.isNull { return 0 }
    let both = shared.width * shared.height
    return both / (a.width * a.height + b.width * b.height - both)
}

"""
_SWIFT_KEPT = (
    """\
    // Of boxes of one label that overlap by more than a half the surest stays.
    var kept: [Detection] = []
    for one in found.sorted(by: { $0.score > $1.score }) where kept.count < most {
        if !kept.contains(where: { $0.label == one.label && overlap($0.box, one.box) > 0.5 }) {
            kept.append(one)
        }
    }""",
    """\
    // The model finds each thing once: boxes that overlap are several things.
    var kept = Array(found.sorted(by: { $0.score > $1.score }).prefix(most))""",
)

_SWIFT = """\
/// A thing in a photo: the line of labels.txt, how sure, its box in pixels of the photo.
struct Detection {
    let label: Int
    let score: Float
    var box: CGRect
}

@OVERLAP@/// What is where in an upright photo.
func detect(
    _ interpreter: Interpreter, photo: CGImage, @ANCHORS@least: Float = 0.3, most: Int = 100
) throws -> [Detection] {
    try interpreter.copy(inputOf(photo), toInputAt: 0)
    try interpreter.invoke()
@READS@
    var found: [Detection] = []
    for i in 0..<@COUNT@ {
        for label in @FIRST@..<@CLASSES@ where scores[@CLASSES@ * i + label] >= least {
            let box = @BOX@.map { CGFloat($0) }
            let size = CGSize(width: box[2] - box[0], height: box[3] - box[1])
            let place = CGRect(origin: CGPoint(x: box[0], y: box[1]), size: size)
            found.append(Detection(label: label, score: scores[@CLASSES@ * i + label], box: place))
        }
    }
@KEPT@
    // From pixels of the input to those of the photo: `prepare` backwards.
@SCALE@
    let left = (@X@ - x * CGFloat(photo.width)) / 2
    let top = (@Y@ - y * CGFloat(photo.height)) / 2
    let whole = CGRect(x: 0, y: 0, width: photo.width, height: photo.height)
    for i in kept.indices {
        let box = kept[i].box
        kept[i].box = CGRect(
            x: (box.minX - left) / x, y: (box.minY - top) / y,
            width: box.width / x, height: box.height / y
        ).intersection(whole)
    }
    return kept
}

/// The photo with boxes, labels and scores drawn on it; `labels` are the lines of labels.txt.
func draw(_ photo: CGImage, _ found: [Detection], labels: [String]) -> UIImage {
    let size = CGSize(width: photo.width, height: photo.height)
    let font = UIFont.systemFont(ofSize: max(12, size.width / 25))
    let form = UIGraphicsImageRendererFormat()
    form.scale = 1
    return UIGraphicsImageRenderer(size: size, format: form).image { drawing in
        UIImage(cgImage: photo).draw(at: .zero)
        UIColor.green.setStroke()
        drawing.cgContext.setLineWidth(max(2, size.width / 200))
        for one in found {
            drawing.cgContext.stroke(one.box)
            let said = "\\(labels[one.label]) \\(Int(100 * one.score)) %" as NSString
            said.draw(
                at: one.box.origin, withAttributes: [.foregroundColor: UIColor.green, .font: font])
        }
    }
}"""
