"""`export`: whatever a user names becomes a verified bundle."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kapps.export import pipeline
from kapps.export.bundle import Bundle
from kapps.export.request import ALIASES, Request, check
from kapps.models import sources


def _silent(line: str) -> None:
    """Progress that nobody asked for."""


def export(
    model: Any,
    out: str | Path,
    *,
    format: str = "litert",
    quantize: str | Sequence[str] = "float32",
    calibrate: str | None = None,
    data: str | None = None,
    batch_size: int = 1,
    max_drop: float = 2.0,
    labels: list[str] | None = None,
    name: str | None = None,
    max_images: int = 1000,
    weights: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    vocabulary: Sequence[str] = (),
    say: Callable[[str], None] = _silent,
) -> Bundle | list[Bundle]:
    """Export a model as a verified bundle, or as several of different quantisation.

    The conversion runs in a child process on TensorFlow, from float32, whatever backend this
    process uses. Nothing appears at `out` unless the file passed every check; after a failed
    verification `OUT.failed-report.json` says what was measured.

    Args:
        model: a Keras model, a run folder, a .keras file, the name of an application, or what
            `kapps.models.sources.resolve` made of one, which is read once for several exports.
        out: the bundle folder to make; an existing bundle is replaced.
        format: "litert" (or "tflite"), "saved_model" or "onnx".
        quantize: "float32", "float16" (weights), "dynamic_int8" (weights; float inside) or "int8"
            (everything, uint8 pixels in and uint8 scores out). Only LiteRT files are quantised.
            Of several, each has its bundle OUT/MODE, and one process converts all.
        calibrate: data whose images set the ranges of int8; by default the run's training data.
        data: labelled data to judge accuracy with; by default what the run did not train on.
        batch_size: images of one inference; static. SavedModel and ONNX take any number.
        max_drop: points of top-1 accuracy that may be lost against Keras.
        labels: class names in output order, for models that have none.
        name: what the bundle calls the model.
        max_images: judge on at most so many images.
        weights: tag or file of an application's weights; None for its own.
        arguments: of the application, such as {"alpha": 0.5}.
        vocabulary: what an open-vocabulary detector looks for: names, or one .npz file of them.
        say: called with a line of progress.

    Returns:
        The bundle, or a list of them in the order of `quantize` where it is no single word.

    Raises:
        ExportError: the model cannot be converted, or a file failed a check; of several modes the
            others are at their places.
        ValueError: arguments that do not go together.
        MissingFileError, DataError: no such model or data.
    """
    single = isinstance(quantize, str)
    modes = [quantize] if single else list(dict.fromkeys(quantize))
    requests = [
        Request(
            Path(out) if single else Path(out, mode),
            ALIASES.get(format, format), mode, batch_size, max_drop, max_images, say,
        )
        for mode in modes
    ]  # fmt: skip
    for request in requests:
        check(request, calibrate, modes)
    find = partial(
        sources.resolve,
        model,
        labels=labels,
        name=name,
        weights=weights,
        arguments=arguments,
        vocabulary=vocabulary,
    )
    bundles = pipeline.run(find, requests, calibrate, data, first_error_ends=single)
    return bundles[0] if single else bundles
