"""Convert, check, verify, and only then put a bundle under its name."""

import contextlib
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from kapps.errors import ExportError
from kapps.export import checks
from kapps.export.bundle import Bundle
from kapps.export.request import Request
from kapps.export.source import Source

ROOM = 2**28  # numbers of the answers to all images that are judged: a gigabyte
FILES = {"saved_model": "saved_model", "litert": "model.tflite", "onnx": "model.onnx"}


def run(
    find: Callable[[], Source],
    requests: list[Request],
    calibrate: str | None,
    data: str | None,
    *,
    first_error_ends: bool,
) -> list[Bundle]:
    """Export one model as often as it was asked for.

    Args:
        find: loads the model; called while the process that converts is starting.
        requests: that `kapps.export.request.check` let through, each of another quantisation.
        calibrate: data whose images set the ranges of int8; by default the run's training data.
        data: labelled data to judge accuracy with; by default what the run did not train on.
        first_error_ends: whether the error of a file is raised as it is, and not after the others.

    Raises:
        ExportError: the model cannot be converted, or a file failed a check.
        ValueError, MissingFileError, DataError: no such model or data, or none where it is needed.
    """
    from kapps.export import child

    say = requests[0].say
    int8 = any(request.quantize == "int8" for request in requests)
    with child.kept():
        child.begin()
        source = find()
        source.refuse_empty()
        if int8 and calibrate is None and source.data is None:
            raise ValueError(
                "int8 needs real images to measure ranges with; give --calibrate, for example"
                " --calibrate folder:photos (about 100 images like those of the app)."
            )
        pixels = _calibration(source, calibrate, say) if int8 else None
        judged = _judged(source, requests[0], calibrate, data)
        bundles, errors = _bundles(source, requests, pixels, judged, first_error_ends)
    if errors:
        made = ", ".join(str(bundle.path) for bundle in bundles) or "nothing"
        raise ExportError(f"{' '.join(errors)} Exported: {made}.")
    return bundles


def _bundles(
    source, requests: list[Request], pixels: np.ndarray | None, judged, first_error_ends: bool
) -> tuple[list[Bundle], list[str]]:
    """The bundles that passed, and a sentence for each that did not."""
    bundles, errors = [], []
    with tempfile.TemporaryDirectory(prefix="kapps-") as temporary:
        jobs = _jobs(source, requests, pixels, Path(temporary))
        with _converting(requests, jobs) as conversions:
            requests[0].say(f"asking Keras about {len(judged)} images")
            expected = source.predict(judged.pixels)
            for request, job, converted in zip(requests, jobs, conversions, strict=True):
                try:
                    facts = converted.result()
                    bundles.append(_verified(source, request, job, facts, judged, expected))
                except ExportError as error:
                    if first_error_ends:
                        raise
                    errors.append(f"{request.quantize}: {error}")
    return bundles, errors


def _calibration(source, calibrate: str | None, say: Callable[[str], None]) -> np.ndarray:
    """The pixels that set the ranges of int8."""
    from kapps.export import images

    uri = calibrate or source.data[0]
    say(f"reading images to calibrate with from {uri}")
    limit = images.CALIBRATION_IMAGES
    return images.load(source, uri, split="train", limit=limit, labelled=False).pixels


def _judged(source, request: Request, calibrate: str | None, data: str | None):
    """The images to judge with."""
    from kapps.export import images

    shape = source.model.output_shape
    numbers = math.prod(shape[1:]) if isinstance(shape, tuple) else 1
    limit = min(request.max_images, max(1, ROOM // numbers))
    if data or source.data:
        uri = images.judging(source, data)
        request.say(f"reading images to judge with from {uri}")
        return images.load(source, uri, split="auto", limit=limit, labelled=True)
    if calibrate:
        return images.load(source, calibrate, split="auto", limit=limit, labelled=False)
    return images.photos(source)


def _jobs(source, requests: list[Request], pixels: np.ndarray | None, folder: Path) -> list[dict]:
    """What the child process is told; the model is saved where it has no file yet."""
    path = source.file
    if path is None:
        path = folder / "model.keras"
        source.model.save(path)
    calibration = folder / "calibration.npy"
    if pixels is not None:
        np.save(calibration, pixels)
    jobs = []
    for request in requests:
        made = folder / request.quantize
        made.mkdir()
        other = source.answers.to_convert(source.model, request.quantize)
        if other is not None:
            other.save(made / "model.keras")
        jobs.append(
            {
                "model": str(Path(path if other is None else made / "model.keras").absolute()),
                "out": str(made / FILES[request.format]),
                "format": request.format,
                "quantize": request.quantize,
                "batch_size": request.batch_size,
                "size": list(source.image_shape[:2]),
                "calibration": str(calibration) if request.quantize == "int8" else None,
            }
        )
    return jobs


@contextlib.contextmanager
def _converting(requests: list[Request], jobs: list[dict]) -> Iterator[list[Future]]:
    """What the child says of each job, in turn; meanwhile this process judges the one before."""
    from kapps.export import child

    def convert(request: Request, job: dict) -> dict:
        request.say(f"converting to {request.format} {request.quantize} on TensorFlow")
        return child.run(job)

    pool = ThreadPoolExecutor(max_workers=1)
    try:
        yield list(map(partial(pool.submit, convert), requests, jobs))
    finally:
        pool.shutdown(cancel_futures=True)


def _verified(
    source, request: Request, job: dict, facts: dict, judged, expected: np.ndarray
) -> Bundle:
    """The bundle of a file that was made, if it passes."""
    from kapps.export import bundle, failure, images, verify
    from kapps.files import atomic_folder

    made = Path(job["out"])
    resize = bundle.resize_rule(images.transform_of(source))
    content = None
    if request.format == "litert":
        content, runner, spec, extra = _finish_litert(source, request, made, resize)
    else:
        runner, spec, extra = _finish_plain(source, request, made, resize)
    request.say(f"comparing with Keras on {len(judged)} images")
    result = source.answers.compare(expected, runner.predict(judged.pixels), judged)
    if request.format == "litert":
        extra["milliseconds"] = runner.milliseconds
    report = {
        "origin": source.origin,
        "rebuilt": facts["rebuilt"],
        "normalization": facts.get("input", {}).get("how"),
        "verification": result.to_dict(),
        "max_drop": request.max_drop,
        **extra,
        "versions": failure.versions(runner),
    }
    failed_report = request.out.with_name(request.out.name + ".failed-report.json")
    reason = verify.failure(result, request.quantize, request.max_drop, source.compute_dtype)
    if reason:
        raise failure.failed(source, request, job, judged, reason, report, failed_report)
    with atomic_folder(request.out) as folder:
        if content is None:
            shutil.move(made, folder / made.name)
        else:
            (folder / made.name).write_bytes(content)
        image = judged.pixels[0]
        said = expected if isinstance(expected, dict) else expected[0]
        bundle.write(folder, source, spec, report, image, runner, said)
    failed_report.unlink(missing_ok=True)
    return Bundle.open(request.out)


def _finish_litert(source, request: Request, made: Path, resize: dict):
    """Check the file, name its ends, pack the labels: (bytes, runner, spec, for the report)."""
    from kapps.export import bundle, delegates, flatbuffer, litert, package

    content = made.read_bytes()
    checks.check(flatbuffer.parse(content), request.quantize)
    scores = source.labels if bundle.kind(source) != "features" else None
    content = package.package(
        content,
        name=source.name,
        description=f"{source.answers.described}, {request.quantize}",
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
    return content, bundle.reading(source, litert.Runner(content), spec), spec, extra


def _finish_plain(source, request: Request, made: Path, resize: dict):
    """The runner, spec and report of a SavedModel or an ONNX file."""
    from kapps.export import bundle, runners

    runner = runners.open_model(made)
    spec = bundle.plain_spec(source, made.name, request.format, resize)
    return runner, spec, {}
