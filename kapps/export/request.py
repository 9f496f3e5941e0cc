"""What an export is asked for, and which wishes have no meaning together."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from kapps.export import checks

FORMATS = ("saved_model", "litert", "onnx")
ALIASES = {"tflite": "litert"}


@dataclasses.dataclass(frozen=True)
class Request:
    """One file that `export` was asked for."""

    out: Path
    format: str
    quantize: str
    batch_size: int
    max_drop: float
    max_images: int
    say: Callable[[str], None]


def check(request: Request, calibrate: str | None, modes: Sequence[str]) -> None:
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
    if calibrate is not None and "int8" not in modes:
        raise ValueError(
            f"calibrate={calibrate!r} has no effect with quantize={','.join(modes)!r}; only int8"
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
    for place in (request.out, request.out.parent):
        if place.exists() and not place.is_dir():
            raise ValueError(f"{place} is a file; give a folder for the bundle.")
    others = request.out.is_dir() and any(request.out.iterdir())
    if others and not (request.out / "spec.json").is_file():
        raise ValueError(f"{request.out} holds other files and is not a bundle; give a new folder.")
