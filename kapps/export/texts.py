"""README.md of a bundle: what this very model is, and how to use it."""

from kapps.detection import answers
from kapps.export import snippets, verify

KINDS = {"masks": "a score of each class for each pixel"}


def readme(spec: dict, report: dict, runtime: str = "", pod: str = "") -> str:
    """The page that lies beside the model.

    Args:
        spec, report: as in spec.json and report.json.
        runtime: which runtimes can load a .tflite file, as a sentence.
        pod: the line of the Podfile.
    """
    parts = [_title(spec, report), _facts(spec)]
    if spec["format"] == "litert":
        parts += [_runtime(spec, runtime, pod), *snippets.phone(spec), _python(spec)]
        parts.append(_delegates(report["delegates"]))
    elif spec["format"] == "saved_model":
        parts.append(_saved_model())
    else:
        parts.append(_onnx())
    return "\n\n".join(parts) + "\n"


def _title(spec: dict, report: dict) -> str:
    check = report["verification"]
    same = "same boxes" if spec["output"].get("kind") in answers.KINDS else "same first answer on"
    same = "same class of pixels" if spec["output"].get("kind") == "masks" else same
    lines = [
        f"# {spec['name']}: {spec['format']}, {spec['quantize']}",
        "",
        f"Exported from {report['origin']} by kapps {spec['kapps']} and checked against Keras on"
        f" {check['images']} images ({check['where']}):",
        f"largest difference {check['max_difference']:.3g}, {same}"
        f" {100 * check['agreement']:.1f} %.",
    ]
    if judged := verify.judged(check):
        name, keras, exported = judged
        name = name[0].upper() + name[1:] if name.startswith("top") else name
        lines.append(f"{name} there: Keras {100 * keras:.1f} %, this file {100 * exported:.1f} %.")
    return "\n".join(lines)


def _facts(spec: dict) -> str:
    image, output = spec["input"], spec["output"]
    rows = [
        f"- Input `{image['name']}`: {_shape(image['shape'])} {image['dtype']}, {image['color']},"
        " values 0..255. **Do not normalise**: the model does it.",
        f"- Preparing a photo: {spec['resize']['rule']}.",
        *_outputs(output),
        "- `golden.png` must give what `golden.json` says; use it as the first test of the app.",
    ]
    if spec["labels"]:
        rows.insert(-1, f"- `labels.txt`: {spec['classes']} classes, one a line, in output order.")
    return "\n".join(rows)


def _outputs(output: dict) -> list[str]:
    if "shape" in output:
        return [
            f"- Output `{output['name']}`: {_shape(output['shape'])} {output['dtype']},"
            f" {KINDS.get(output['kind'], output['kind'])}{_dequantised(output)}."
        ]
    meanings = {
        "boxes": "left, top, right, bottom of each anchor in pixels of the input",
        "scores": "probabilities of each anchor's classes",
        "codes": "what the head says of each anchor: `decode` below makes boxes of it with"
        " `anchors.bin` (float32)",
    }
    ends = [end for end in output.values() if isinstance(end, dict) and "shape" in end]
    return [
        f"- Output {end['index']}, `{end['name']}`: {_shape(end['shape'])} {end['dtype']},"
        f" {meanings[end['name']]}{_dequantised(end)}."
        for end in ends
    ] + ["- `golden_boxes.png` shows the boxes of `golden.json` on `golden.png`."]


def _dequantised(output: dict) -> str:
    q = output["quantization"]
    return f"; real value = (value - {q['zero_point']}) * {q['scale']!r}" if q else ""


def _shape(shape: list) -> str:
    return " x ".join("any" if n is None else str(n) for n in shape)


def _runtime(spec: dict, runtime: str, pod: str) -> str:
    ops = ", ".join(f"{name} v{fact['version']}" for name, fact in spec["ops"].items())
    return (
        f"Runtime: {runtime}. Operators: {ops}.\n\n"
        f'- Android: `implementation("{spec["packages"]["android"]}")`\n'
        f"- iOS (CocoaPods): `{pod}`"
    )


def _python(spec: dict) -> str:
    height, width, channels = spec["input"]["shape"][1:]
    kind = spec["output"].get("kind")
    if kind in answers.KINDS:
        how = "" if kind == answers.BOXES else f', kind="{kind}"'
        return f"""## Python

```python
import numpy as np
from kapps.detection.answers import detections
from kapps.export.runners import open_model
from PIL import Image

image = np.asarray(Image.open("golden.png"))
raw = open_model(".").predict(image.reshape(1, {height}, {width}, {channels}))
(found,) = detections(raw, least_score=0.3{how})  # boxes in pixels of the input, scores, classes
```"""
    return f"""## Python

```python
import numpy as np
from kapps.export.litert import Runner
from PIL import Image

image = np.asarray(Image.open("golden.png"))
scores = Runner("model.tflite").predict(image.reshape(1, {height}, {width}, {channels}))
```"""


def _delegates(delegates: dict) -> str:
    rows = ["## Accelerators", "", "From LiteRT's operator lists, not measured on a phone:", ""]
    for name, fact in delegates.items():
        left = f"; on the CPU: {', '.join(fact['left_on_cpu'])}" if fact["left_on_cpu"] else ""
        rows.append(
            f"- {name.upper()}: {fact['takes']} of {fact['of']} operators{left} ({fact['note']})."
        )
    return "\n".join(rows)


def _saved_model() -> str:
    return """## Python

```python
import tensorflow as tf

serve = tf.saved_model.load("saved_model").signatures["serving_default"]
# images: (count, height, width, channels), RGB in 0..255
scores = serve(image=tf.constant(images, tf.float32))
```"""


def _onnx() -> str:
    return """## Python

```python
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
# images: float32, (count, height, width, channels), RGB in 0..255
(scores,) = session.run(None, {"image": images})
```"""
