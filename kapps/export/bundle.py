"""The folder that goes into an app: model, labels, contract, a golden image, a page to read."""

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np

from kapps.errors import ExportError, MissingFileError
from kapps.export import card, flatbuffer, litert, masks, texts

GRADLE = "com.google.ai.edge.litert:litert:1.4.2"  # the Interpreter API, Android 5 and later
POD = "TensorFlowLiteSwift"
OLDEST_POD = (2, 14)  # of the pods that were looked at
RUNTIME_OF_LITERT = (2, 17)  # LiteRT 1.0 continues TensorFlow Lite 2.17


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A finished export on disk.

    Attributes:
        path: the folder.
        spec: the contents of spec.json.
        report: the contents of report.json: verification, operators, delegates, milliseconds of an
            image on one thread here, versions.
    """

    path: Path
    spec: dict
    report: dict

    @classmethod
    def open(cls, path: str | Path) -> "Bundle":
        """Read a bundle folder.

        Raises:
            MissingFileError: there is no such folder.
            ExportError: it is not a bundle.
        """
        path = Path(path)
        if not path.is_dir():
            raise MissingFileError(f"{path} is not there; expected a bundle folder.")
        files = [path / "spec.json", path / "report.json"]
        if not all(file.is_file() for file in files):
            raise ExportError(f"{path} is not a bundle (no spec.json); make one by `kapps export`.")
        spec, report = (json.loads(file.read_text(encoding="utf-8")) for file in files)
        return cls(path, spec, report)

    @property
    def model(self) -> Path:
        """The model file, or the SavedModel folder."""
        return self.path / self.spec["file"]

    @property
    def labels(self) -> list[str] | None:
        """Class names in output order, or None."""
        file = self.path / "labels.txt"
        return file.read_text(encoding="utf-8").splitlines() if file.is_file() else None


def litert_spec(source, contents: flatbuffer.Contents, mode: str, resize: dict) -> dict:
    """spec.json of a .tflite bundle: all that an app must know, for machines."""
    image = contents.inputs[0]
    return {
        **_common_spec(source, "model.tflite", "litert", mode, resize),
        "input": {**_end(image), "layout": "NHWC", "color": _color(image.shape[-1])}
        | {"range": [0, 255], "normalization": "none; it is inside the model"},
        "output": _output(source, [_end(one) for one in contents.outputs], mode),
        "ops": contents.counts(),
        "macs": contents.macs(),
        "bytes": contents.bytes,
        "min_runtime": contents.min_runtime,
        "packages": {"android": GRADLE, "ios": POD + pod_version(contents.min_runtime)},
    }


def plain_spec(source, file: str, form: str, resize: dict) -> dict:
    """spec.json of a SavedModel or ONNX bundle."""
    height, width, channels = source.image_shape
    output = getattr(source.model, "output", None)  # which a keras.Sequential from a file lacks
    shapes = {"scores": source.model.output_shape}
    if isinstance(output, dict):
        shapes = {name: tensor.shape for name, tensor in output.items()}
    floats = {"dtype": "float32", "quantization": None}
    ends = [{"name": name, "shape": list(shape), **floats} for name, shape in shapes.items()]
    return {
        **_common_spec(source, file, form, "float32", resize),
        "input": {
            "name": "image",
            "shape": [None, height, width, channels],
            "dtype": "float32",
            "quantization": None,
            "layout": "NHWC",
            "color": _color(channels),
            "range": [0, 255],
            "normalization": "none; it is inside the model",
        },
        "output": _output(source, ends, "float32"),
    }


def _output(source, ends: list[dict], mode: str) -> dict:
    """What comes out: one tensor, or what is said of several."""
    if len(ends) == 1:
        return {**ends[0], "kind": kind(source)}
    return source.answers.output(source.model, ends, mode)


def reading(source, runner, spec: dict):
    """A runner of the file to be, which gives what the Keras model gives."""
    with tempfile.TemporaryDirectory(prefix="kapps-") as folder:
        source.answers.write_beside(Path(folder), source.model, spec)
        return source.answers.reading(runner, Path(folder), spec)


def _common_spec(source, file: str, form: str, mode: str, resize: dict) -> dict:
    from kapps import __version__

    return {
        "kapps": __version__,
        "name": source.name,
        "file": file,
        "format": form,
        "quantize": mode,
        **{key: source.spec[key] for key in ("task", "annotation") if key in source.spec},
        "classes": source.answers.count(source.model),
        "labels": "labels.txt" if source.labels else None,
        "resize": resize,
    }


def resize_rule(transform) -> dict:
    """How a photo becomes the input, as numbers and as a sentence."""
    height, width = transform.size
    tall, wide = transform.resize
    if transform.crop_mode == "squash":
        rule = f"resize to {wide}x{tall} without keeping the proportions"
    elif transform.crop_mode == "border":
        rule = f"resize to fit into {wide}x{tall} with antialiased {transform.interpolation}"
        rule += f", on a background of RGB {transform.fill}"
    else:
        side = f"the shorter side to {wide}" if tall == wide else f"to cover {wide}x{tall}"
        rule = f"resize {side} with antialiased {transform.interpolation}"
    if (tall, wide) != (height, width) or transform.crop_mode == "center":
        rule += f", then cut out the central {width}x{height}"
    keys = ("crop_pct", "interpolation", "crop_mode", "fill")
    return {
        "size": [height, width],
        **{key: transform.to_dict()[key] for key in keys},
        "resize_to": [tall, wide],
        "rule": rule + "; apply the orientation of the photo (EXIF) first",
    }


def kind(source) -> str:
    """ "probabilities", "logits", "values" or "features"; "masks" of scores for each pixel."""
    if source.answers.annotation == "mask":
        return masks.MASKS
    if source.spec.get("annotation") == "values":
        return "values"
    last = source.model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    if type(last).__name__ in ("Softmax", "Activation") or activation == "softmax":
        return "probabilities" if activation in ("softmax", "") else "features"
    if activation == "sigmoid":
        return "probabilities"
    return "logits" if source.labels else "features"


def _end(tensor: flatbuffer.TensorFacts) -> dict:
    quantization = None
    if tensor.scales:
        quantization = {"scale": tensor.scales[0], "zero_point": tensor.zero_points[0]}
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "quantization": quantization,
    }


def _color(channels: int) -> str:
    return {3: "RGB", 1: "grey"}.get(channels, f"{channels} channels")


def pod_version(min_runtime: str) -> str:
    """The version condition of the pod for a minimum runtime, such as " ~> 2.17"."""
    major, minor, *_ = (int(part) for part in min_runtime.split("."))
    return " ~> {}.{}".format(*max((major, minor), OLDEST_POD))


def pod_line(package: str) -> str:
    """The Podfile line of a package such as "TensorFlowLiteSwift >= 2.14"."""
    name, _, condition = package.partition(" ")
    return f"pod '{name}', '{condition}'" if condition else f"pod '{name}'"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def runtime_sentence(min_runtime: str) -> str:
    """Which runtimes can load the file."""
    version = tuple(int(part) for part in min_runtime.split(".")[:2])
    newer = "any LiteRT" if version <= RUNTIME_OF_LITERT else "a LiteRT of that age or later"
    return f"TensorFlow Lite {min_runtime} or later, {newer}"


def write(
    folder: Path, source, spec: dict, report: dict, image: np.ndarray, runner, expected: np.ndarray
) -> None:
    """Write everything but the model itself.

    Args:
        folder: an existing folder, the bundle to be.
        image: uint8 (height, width, channels): the golden image.
        runner: what runs the exported model, with `predict` (and `predict_stored` for .tflite).
        expected: float32, what Keras answers for the image; or a dictionary of what it answers for
            all images, of which this is the first.
    """
    from PIL import Image

    pixels = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(pixels).save(folder / "golden.png", optimize=True)
    source.answers.write_beside(folder, source.model, spec)
    golds = source.answers.golden(folder, image, runner, source.labels)
    _json(folder / "golden.json", golds or golden(source, image, runner, expected))
    if source.labels:
        text = "".join(f"{label}\n" for label in source.labels)
        (folder / "labels.txt").write_text(text, encoding="utf-8")
    _json(folder / "spec.json", spec)
    _json(folder / "report.json", report)
    about = ()
    if spec["format"] == "litert":
        about = runtime_sentence(spec["min_runtime"]), pod_line(spec["packages"]["ios"])
    page = texts.readme(spec, report, *about)
    (folder / "README.md").write_text(page, encoding="utf-8")
    told = card.card(source, spec, report, folder)
    (folder / "model_card.md").write_text(told, encoding="utf-8")


def golden(source, image: np.ndarray, runner, expected: np.ndarray) -> dict:
    """The expected outputs for golden.png: what the app must get to be right."""
    real = runner.predict(image[None])[0]
    flat = real.reshape(-1)
    top = np.argsort(-flat, kind="stable")[:5]
    labels = source.labels or [None] * len(flat)
    result = {
        "image": "golden.png",
        "top": [{"index": int(i), "label": labels[i], "score": float(flat[i])} for i in top],
        "output": [round(float(v), 7) for v in flat],
        "keras": [round(float(v), 7) for v in expected.reshape(-1)],
    }
    if isinstance(runner, litert.Runner) and runner.output.dtype != "float32":
        stored = runner.predict_stored(image[None])[0].reshape(-1)
        result["stored"] = [int(v) for v in stored]
    return result


def _json(path: Path, values: dict) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
