"""`export`: convert, check, verify, and only then put a bundle under its name."""

import contextlib
import dataclasses
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from kapps.errors import ExportError
from kapps.export import checks
from kapps.export.bundle import Bundle

FORMATS = ("saved_model", "litert", "onnx")
FILES = {"saved_model": "saved_model", "litert": "model.tflite", "onnx": "model.onnx"}
ALIASES = {"tflite": "litert"}
BLAMED_IMAGES = 16  # for the table of layers; more does not change the order


def _silent(line: str) -> None:
    """Progress that nobody asked for."""


@dataclasses.dataclass(frozen=True)
class _Request:
    """What `export` was asked for, checked."""

    out: Path
    format: str
    quantize: str
    batch_size: int
    max_drop: float
    max_images: int
    say: Callable[[str], None]


def export(
    model: Any,
    out: str | Path,
    *,
    format: str = "litert",
    quantize: str = "float32",
    calibrate: str | None = None,
    data: str | None = None,
    batch_size: int = 1,
    max_drop: float = 2.0,
    labels: list[str] | None = None,
    name: str | None = None,
    max_images: int = 1000,
    weights: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = _silent,
) -> Bundle:
    """Export a model as a verified bundle.

    The conversion runs in a child process on TensorFlow, from float32, whatever backend this
    process uses. Nothing appears at `out` unless the file passed every check; after a failed
    verification `OUT.failed-report.json` says what was measured.

    Args:
        model: a Keras model, a run folder, a .keras file or the name of an application.
        out: the bundle folder to make; an existing bundle is replaced.
        format: "litert" (or "tflite"), "saved_model" or "onnx".
        quantize: "float32", "float16" (weights), "dynamic_int8" (weights; float inside) or "int8"
            (everything, uint8 pixels in and uint8 scores out). Only LiteRT files are quantised.
        calibrate: data whose images set the ranges of int8; by default the run's training data.
        data: labelled data to judge accuracy with; by default what the run did not train on.
        batch_size: images of one inference; static. SavedModel and ONNX take any number.
        max_drop: points of top-1 accuracy that may be lost against Keras.
        labels: class names in output order, for models that have none.
        name: what the bundle calls the model.
        max_images: judge on at most so many images.
        weights: tag or file of an application's weights; None for its own.
        arguments: of the application, such as {"alpha": 0.5}.
        say: called with a line of progress.

    Returns:
        The bundle.

    Raises:
        ExportError: the model cannot be converted, or the file failed a check.
        ValueError: arguments that do not go together.
        MissingFileError, DataError: no such model or data.
    """
    request = _Request(
        Path(out), ALIASES.get(format, format), quantize, batch_size, max_drop, max_images, say
    )
    _check(request, calibrate)
    from kapps.export import source as sources

    source = sources.resolve(model, labels=labels, name=name, weights=weights, arguments=arguments)
    if quantize == "int8" and calibrate is None and source.data is None:
        raise ValueError(
            "int8 needs real images to measure ranges with; give --calibrate, for example"
            " --calibrate folder:photos (about 100 images like those of the app)."
        )
    pixels, judged = _images(source, request, calibrate, data)
    with tempfile.TemporaryDirectory(prefix="kapps-") as temporary:
        job = _job(source, request, pixels, Path(temporary))
        return _convert_and_verify(source, request, job, judged)


def _check(request: _Request, calibrate: str | None) -> None:
    """Refuse arguments that have no meaning together, before anything is loaded."""
    if request.format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"format={request.format!r} is not known; expected one of {known}.")
    if request.quantize not in checks.MODES:
        known = ", ".join(checks.MODES)
        raise ValueError(
            f"quantize={request.quantize!r} is not a mode; expected one of {known} (see"
            " `kapps export --help` for what each means)."
        )
    if request.format != "litert" and request.quantize != "float32":
        raise ValueError(
            f"quantize={request.quantize!r} has no effect with format={request.format!r}; only"
            " litert files are quantised."
        )
    if calibrate is not None and request.quantize != "int8":
        raise ValueError(
            f"calibrate={calibrate!r} has no effect with quantize={request.quantize!r}; only int8"
            " measures ranges: drop it, or use --data to judge the file."
        )
    if request.format != "litert" and request.batch_size != 1:
        raise ValueError(
            f"batch_size={request.batch_size} has no effect with format={request.format!r}, which"
            " takes any number of images; drop it."
        )
    if request.batch_size < 1:
        raise ValueError(f"batch_size={request.batch_size} is not possible; give 1 or more.")
    if not 0 <= request.max_drop <= 100:
        raise ValueError(f"max_drop={request.max_drop} is not a number of points in 0..100.")
    if request.max_images < 1:
        raise ValueError(f"max_images={request.max_images} is not possible; give 1 or more.")
    if request.out.exists() and not request.out.is_dir():
        raise ValueError(f"{request.out} is a file; give a folder for the bundle.")
    others = request.out.is_dir() and any(request.out.iterdir())
    if others and not (request.out / "spec.json").is_file():
        raise ValueError(f"{request.out} holds other files and is not a bundle; give a new folder.")


def _images(source, request: _Request, calibrate: str | None, data: str | None):
    """(pixels to calibrate with or None, images to judge with)."""
    from kapps.export import images

    pixels = None
    if request.quantize == "int8":
        uri = calibrate or source.data[0]
        request.say(f"reading images to calibrate with from {uri}")
        pixels = images.load(
            source, uri, split="train", limit=images.CALIBRATION_IMAGES, labelled=False
        ).pixels
    if data or source.data:
        uri = images.judging(source, data)
        request.say(f"reading images to judge with from {uri}")
        judged = images.load(source, uri, split="auto", limit=request.max_images, labelled=True)
    elif calibrate:
        judged = images.load(
            source, calibrate, split="auto", limit=request.max_images, labelled=False
        )
    else:
        judged = images.photos(source)
    return pixels, judged


def _job(source, request: _Request, pixels: np.ndarray | None, folder: Path) -> dict:
    """What the child process is told; the model is saved where it has no file yet."""
    path = source.file
    if path is None:
        path = folder / "model.keras"
        source.model.save(path)
    calibration = None
    if pixels is not None:
        calibration = folder / "calibration.npy"
        np.save(calibration, pixels)
    return {
        "model": str(Path(path).absolute()),
        "out": str(folder / FILES[request.format]),
        "format": request.format,
        "quantize": request.quantize,
        "batch_size": request.batch_size,
        "size": list(source.image_shape[:2]),
        "calibration": str(calibration) if calibration else None,
    }


def _convert_and_verify(source, request: _Request, job: dict, judged) -> Bundle:
    from kapps.export import bundle, child, images, verify
    from kapps.files import atomic_folder

    request.say(f"converting to {request.format} {request.quantize} on TensorFlow")
    facts = child.run(job)
    made = Path(job["out"])
    resize = bundle.resize_rule(images.transform_of(source))
    content = None
    if request.format == "litert":
        content, runner, spec, extra = _finish_litert(source, request, made, resize)
    else:
        runner, spec, extra = _finish_plain(source, request, made, resize)
    request.say(f"comparing with Keras on {len(judged)} images")
    expected = source.predict(judged.pixels)
    result = verify.compare(expected, runner.predict(judged.pixels), judged)
    report = {
        "origin": source.origin,
        "rebuilt": facts["rebuilt"],
        "normalization": facts.get("input", {}).get("how"),
        "verification": result.to_dict(),
        "max_drop": request.max_drop,
        **extra,
        "versions": _versions(runner),
    }
    failed_report = request.out.with_name(request.out.name + ".failed-report.json")
    reason = verify.failure(result, request.quantize, request.max_drop, source.compute_dtype)
    if reason:
        raise _failed(source, request, job, judged, reason, report, failed_report)
    with atomic_folder(request.out) as folder:
        if content is None:
            shutil.move(made, folder / made.name)
        else:
            (folder / made.name).write_bytes(content)
        image = judged.pixels[0]
        bundle.write(folder, source, spec, report, image, runner, expected[0])
    failed_report.unlink(missing_ok=True)
    return Bundle.open(request.out)


def _finish_litert(source, request: _Request, made: Path, resize: dict):
    """Check the file, name its ends, pack the labels: (bytes, runner, spec, for the report)."""
    from kapps.export import bundle, delegates, flatbuffer, litert, package

    content = made.read_bytes()
    checks.check(flatbuffer.parse(content), request.quantize)
    scores = source.labels if bundle.kind(source) != "features" else None
    content = package.package(
        content,
        name=source.name,
        description=f"image classifier, {request.quantize}",
        labels=scores,
    )
    contents = flatbuffer.parse(content)
    extra = {
        "operators": contents.counts(),
        "first_operator": contents.operators[0].name,
        "weights": {"count": len(checks.weights(contents)), "checked": request.quantize},
        "delegates": delegates.report(contents),
    }
    spec = bundle.litert_spec(source, contents, request.quantize, resize)
    return content, litert.Runner(content), spec, extra


def _finish_plain(source, request: _Request, made: Path, resize: dict):
    """The runner, spec and report of a SavedModel or an ONNX file."""
    from kapps.export import bundle, runners

    runner = runners.open_model(made)
    shape = list(source.model.output_shape)
    spec = bundle.plain_spec(source, made.name, request.format, resize, shape)
    return runner, spec, {}


def _failed(source, request, job, judged, reason, report, path: Path) -> ExportError:
    """Write the report of a failure beside where the bundle would be; returns the error."""
    from kapps.files import atomic_write

    report = {**report, "failure": reason}
    blamed = []
    if request.format == "litert" and request.quantize in ("int8", "dynamic_int8"):
        request.say("looking for the layers with the largest error")
        blamed = _blame(job, judged.pixels[:BLAMED_IMAGES])
        report["layers"] = [dataclasses.asdict(layer) for layer in blamed]
    with atomic_write(path, "w") as file:
        file.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    layers = f" Largest error: {'; '.join(map(str, blamed[:3]))}." if blamed else ""
    return ExportError(f"{source.name} was not exported: {reason}{layers} Details: {path}")


def _blame(job: dict, pixels: np.ndarray) -> list:
    """The worst layers of the file that the job made, against a float32 file of the same graph."""
    from kapps.export import child, layers

    quantised = Path(job["out"]).read_bytes()
    exact = Path(job["out"]).with_name("exact.tflite")
    child.run({**job, "quantize": "float32", "out": str(exact)})
    return layers.worst(exact.read_bytes(), quantised, pixels)


def _versions(runner) -> dict[str, str]:
    """What converted and verified the file."""
    from kapps import __version__
    from kapps.export import litert

    versions = {"python": platform.python_version(), "kapps": __version__}
    for package in ("keras", "tensorflow", "tf2onnx", "onnxruntime", "ai-edge-litert"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    if isinstance(runner, litert.Runner):
        versions["runtime"] = litert.runtime()
    return versions
