"""Kotlin and Swift for one very model: prepare a photo, run the model, read its scores."""

from kapps.detection import answers
from kapps.export import box_snippets, masks

# How the two ratios of size become one scale; without, the proportions are not kept.
CHOOSE = {"center": "max", "border": "min"}


def phone(spec: dict) -> list[str]:
    """The sections of a bundle's README for Android and iOS.

    Args:
        spec: as in spec.json, of a .tflite file.
    """
    channels = spec["input"]["shape"][3]
    if channels not in (1, 3):
        return [
            f"## Kotlin and Swift\n\nThe image has {channels} channels, which no photo has: fill "
            "the buffer of the input in the order of rows, columns, channels."
        ]
    return [_kotlin(spec), _swift(spec)]


def _kotlin(spec: dict) -> str:
    _, height, width, channels = spec["input"]["shape"]
    tall, wide = spec["resize"]["resize_to"]
    whole = spec["input"]["dtype"] == "uint8"
    put = "put({}.toByte())" if whole else "putFloat({}.toFloat())"
    if channels == 1:
        grey = "((p shr 16 and 0xFF) * 299 + (p shr 8 and 0xFF) * 587 + (p and 0xFF) * 114) / 1000"
        values = {"grey": f"({grey})"}
    else:
        values = {"red": "(p shr 16 and 0xFF)", "green": "(p shr 8 and 0xFF)"}
        values["blue"] = "(p and 0xFF)"
    fill = "\n".join(f"        input.{put.format(v)}  // {name}" for name, v in values.items())
    ratios = f"{wide}f / image.width, {tall}f / image.height"
    if choose := CHOOSE.get(spec["resize"]["crop_mode"]):
        ratios = f"{choose}Of({ratios}).let {{ Pair(it, it) }}"
    else:
        ratios = f"Pair({ratios})"
    background = _background(spec, "\n    canvas.drawRGB({}, {}, {})")
    size = f"{height} * {width} * {channels}" + ("" if whole else " * 4")
    answer, imports = _kotlin_scores, ""
    if spec["output"].get("kind") in answers.KINDS:
        answer, imports = box_snippets.kotlin, box_snippets.KOTLIN_IMPORTS
    elif spec["output"].get("kind") == masks.MASKS:
        answer = masks.kotlin
    return f"""## Kotlin

```kotlin
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Matrix
import android.graphics.Paint
{imports}import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/**
 * The part of an upright photo that the model looks at, {width}x{height}.
 *
 * ImageDecoder turns a photo upright (BitmapFactory does not); give it ALLOCATOR_SOFTWARE, since
 * the pixels of a hardware bitmap cannot be read.
 */
fun prepare(photo: Bitmap): Bitmap {{
    var image = photo
    // Android's filter reads 2x2 pixels and would skip some where it shrinks by more than half.
    while (image.width >= {2 * wide} && image.height >= {2 * tall}) {{
        image = Bitmap.createScaledBitmap(image, image.width / 2, image.height / 2, true)
    }}
    val (x, y) = {ratios}
    val place = Matrix()
    place.setScale(x, y)
    place.postTranslate(({width} - x * image.width) / 2, ({height} - y * image.height) / 2)
    val result = Bitmap.createBitmap({width}, {height}, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(result){background}
    canvas.drawBitmap(image, place, Paint(Paint.FILTER_BITMAP_FLAG))
    return result
}}

/** The input of the model for an upright photo. */
fun inputOf(photo: Bitmap): ByteBuffer {{
    val pixels = IntArray({width} * {height})
    prepare(photo).getPixels(pixels, 0, {width}, 0, 0, {width}, {height})
    val input = ByteBuffer.allocateDirect({size}).order(ByteOrder.nativeOrder())
    for (p in pixels) {{
{fill}
    }}
    input.rewind()
    return input
}}

{answer(spec)}
```"""


def _kotlin_scores(spec: dict) -> str:
    output = spec["output"]
    if q := output["quantization"]:
        array, real = "ByteArray", f"((it.toInt() and 0xFF) - {q['zero_point']}) * {q['scale']!r}f"
    else:
        array, real = "FloatArray", "it"
    return f"""/** Scores of the {output["shape"][-1]} outputs for an upright photo. */
fun classify(interpreter: Interpreter, photo: Bitmap): List<Float> {{
    val output = arrayOf({array}({output["shape"][-1]}))
    interpreter.run(inputOf(photo), output)
    return output[0].map {{ {real} }}
}}"""


def _swift(spec: dict) -> str:
    _, height, width, channels = spec["input"]["shape"]
    tall, wide = spec["resize"]["resize_to"]
    whole = spec["input"]["dtype"] == "uint8"
    kind = "UInt8" if whole else "Float32"
    if channels == 1:
        gather = (
            "let (red, green) = (Int(rgba[4 * i]), Int(rgba[4 * i + 1]))\n"
            "        let blue = Int(rgba[4 * i + 2])\n"
            f"        values.append({kind}((299 * red + 587 * green + 114 * blue) / 1000))"
        )
    else:
        gather = f"for channel in 0..<3 {{ values.append({kind}(rgba[4 * i + channel])) }}"
    data = "Data(values)" if whole else "values.withUnsafeBufferPointer { Data(buffer: $0) }"
    answer, imports = _swift_scores, ""
    if spec["output"].get("kind") in answers.KINDS:
        answer, imports = box_snippets.swift, box_snippets.SWIFT_IMPORTS
    elif spec["output"].get("kind") == masks.MASKS:
        answer = masks.swift
    choose = CHOOSE.get(spec["resize"]["crop_mode"], "")
    scale = f"{choose}({wide} / CGFloat(photo.width), {tall} / CGFloat(photo.height))"
    name = "scale" if choose else "(x, y)"
    x, y = ("scale", "scale") if choose else ("x", "y")
    background = _background(
        spec,
        "\n        context.setFillColor(red: {} / 255, green: {} / 255, blue: {} / 255, alpha: 1)"
        f"\n        context.fill(CGRect(x: 0, y: 0, width: {width}, height: {height}))",
    )
    return f"""## Swift

```swift
import CoreGraphics
import Foundation
import TensorFlowLite
{imports}
/// The part of an upright photo that the model looks at, {width}x{height}, four bytes a pixel.
///
/// A `UIImage` keeps its orientation beside its `cgImage`: draw it once with
/// `UIGraphicsImageRenderer` to turn the pixels upright.
func prepare(_ photo: CGImage) -> [UInt8] {{
    let {name} = {scale}
    let size = CGSize(width: {x} * CGFloat(photo.width), height: {y} * CGFloat(photo.height))
    let origin = CGPoint(x: ({width} - size.width) / 2, y: ({height} - size.height) / 2)
    var rgba = [UInt8](repeating: 255, count: 4 * {width} * {height})
    rgba.withUnsafeMutableBytes {{ bytes in
        let context = CGContext(
            data: bytes.baseAddress, width: {width}, height: {height}, bitsPerComponent: 8,
            bytesPerRow: 4 * {width}, space: CGColorSpace(name: CGColorSpace.sRGB)!,
            bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)!
        context.interpolationQuality = .high{background}
        context.draw(photo, in: CGRect(origin: origin, size: size))
    }}
    return rgba
}}

/// The input of the model for an upright photo.
func inputOf(_ photo: CGImage) -> Data {{
    let rgba = prepare(photo)
    var values: [{kind}] = []
    values.reserveCapacity({height} * {width} * {channels})
    for i in 0..<({height} * {width}) {{
        {gather}
    }}
    return {data}
}}

{answer(spec)}
```

Make the interpreter once: `let interpreter = try Interpreter(modelPath: path)`, then
`try interpreter.allocateTensors()`."""


def _swift_scores(spec: dict) -> str:
    output = spec["output"]
    if q := output["quantization"]:
        read = f"return output.data.map {{ (Float($0) - {q['zero_point']}) * {q['scale']!r} }}"
    else:
        read = "return output.data.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }"
    return f"""/// Scores of the {output["shape"][-1]} outputs for an upright photo.
func classify(_ interpreter: Interpreter, photo: CGImage) throws -> [Float] {{
    try interpreter.copy(inputOf(photo), toInputAt: 0)
    try interpreter.invoke()
    let output = try interpreter.output(at: 0)
    {read}
}}"""


def _background(spec: dict, code: str) -> str:
    """Code that paints the borders, where the rule leaves some."""
    return code.format(*spec["resize"]["fill"]) if spec["resize"]["crop_mode"] == "border" else ""
