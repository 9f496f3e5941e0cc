"""What is written and said of an export that was refused, and by what it was made."""

import contextlib
import dataclasses
import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

from kapps.errors import ExportError

BLAMED_IMAGES = 16  # for the table of layers; more does not change the order


def failed(source, request, job, judged, reason, report, path: Path) -> ExportError:
    """Write the report of a failure beside where the bundle would be; returns the error."""
    from kapps.files import atomic_write

    report = {**report, "failure": reason}
    blamed = []
    if request.format == "litert" and request.quantize in ("int8", "dynamic_int8"):
        request.say("looking for the layers with the largest error")
        blamed = _blame(job, judged.pixels[:BLAMED_IMAGES])
        report["layers"] = [dataclasses.asdict(layer) for layer in blamed]
    path.parent.mkdir(parents=True, exist_ok=True)
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


def versions(runner) -> dict[str, str]:
    """What converted and verified the file."""
    from kapps import __version__
    from kapps.export import litert

    versions = {"python": platform.python_version(), "kapps": __version__}
    for package in ("keras", "tensorflow", "tf2onnx", "onnxruntime", "ai-edge-litert"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    if hasattr(runner, "invoke"):  # also of one that makes boxes of its answers
        versions["runtime"] = litert.runtime()
    return versions
