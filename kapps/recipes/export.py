"""Make a verified bundle of a model: for a phone (.tflite), for TensorFlow Serving, or ONNX.

kapps export RUN_OR_MODEL --quantize int8 --calibrate folder:photos --out bundle

The conversion runs in a process of its own on TensorFlow, whatever backend trained the model. The
file is run back and compared with Keras before anything appears at OUT.
"""

import json as _json
import sys
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.errors import SettingsError

FORMATS = ("litert", "tflite", "saved_model", "onnx")
MODES = ("float32", "float16", "dynamic_int8", "int8")


@dataclass(frozen=True)
class Settings:
    """What `kapps export` can be told.

    The modes: float16 halves the file; dynamic_int8 quarters it and keeps float inside; int8
    computes in integers only, takes the pixels as they are (uint8), and needs --calibrate.
    """

    model: str = setting(
        help="run folder, .keras file or the name of an application", positional=True
    )
    weights: str | None = setting(None, "tag or file of weights, for an application")
    arguments: tuple[str, ...] = setting((), "of an application, such as alpha=0.5")
    vocabulary: tuple[str, ...] = setting(
        (),
        "what an open-vocabulary detector looks for: 'cat,traffic light', or a .npz of embeddings",
    )
    out: str = setting("bundle", "folder to make; an older bundle there is replaced")
    format: str = setting("litert", "what to make; tflite is litert", choices=FORMATS)
    quantize: str = setting(
        "float32",
        f"numbers in the file (litert only): {', '.join(MODES)}; several with commas between",
    )
    calibrate: str | None = setting(
        None, "images that set the ranges of int8, about 100 like those of the app", metavar="DATA"
    )
    data: str | None = setting(
        None, "labelled images to judge accuracy with; default: the run's own", metavar="DATA"
    )
    batch_size: int = setting(1, "images of one inference, fixed in the file")
    max_drop: float = setting(2.0, "points of accuracy that may be lost before it fails")
    max_images: int = setting(1000, "judge on at most so many images")
    labels: str | None = setting(
        None, "text file with one class name a line, for models without", metavar="FILE"
    )
    name: str | None = setting(None, "what the bundle calls the model")
    json: bool = setting(False, "print JSON instead of a summary")


def run(settings: Settings) -> dict:
    """Export, verify and describe.

    Returns:
        {"bundle": path, "spec": spec.json, "report": report.json}; of several modes {"bundles": a
        list of those}.

    Raises:
        KappsError, ValueError: one sentence; nothing is left at `out`.
    """
    from kapps.applications import named
    from kapps.models.exporting import export
    from kapps.training import progress

    modes = [mode.strip() for mode in settings.quantize.split(",")]
    made = export(
        settings.model,
        settings.out,
        format=settings.format,
        quantize=modes if len(modes) > 1 else modes[0],
        calibrate=settings.calibrate,
        data=settings.data,
        batch_size=settings.batch_size,
        max_drop=settings.max_drop,
        labels=_labels(settings.labels),
        name=settings.name,
        max_images=settings.max_images,
        weights=settings.weights,
        arguments=named.arguments_of(settings.arguments),
        vocabulary=settings.vocabulary,
        say=progress.say,
    )
    bundles = made if isinstance(made, list) else [made]
    results = [{"bundle": str(b.path), "spec": b.spec, "report": b.report} for b in bundles]
    result = {"bundles": results} if len(modes) > 1 else results[0]
    if settings.json:
        print(_json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print(bundles[0]) if len(modes) == 1 else _print_all(bundles)
    return result


def _labels(path: str | None) -> list[str] | None:
    """The lines of a labels file."""
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            labels = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--labels {path} cannot be read: {error}.") from error
    if not labels or not all(label.strip() for label in labels):
        raise SettingsError(f"--labels {path} has empty lines; expected one class name a line.")
    return labels


def _print(bundle) -> None:
    """What was made, how it was checked and what an app needs, on stdout."""
    from kapps.export import bundle as bundles
    from kapps.export import verify

    spec, check = bundle.spec, bundle.report["verification"]
    size = bundles.size_of(bundle.model) / 1e6
    lines = [
        f"{bundle.path}: {spec['name']}, {spec['format']} {spec['quantize']}, {size:.2f} MB",
        f"  input    {_tensor(spec['input'])}, {spec['input']['color']} 0..255, not normalised",
        *_outputs(spec["output"]),
        f"  verified on {check['images']} images ({check['where']}): largest difference"
        f" {check['max_difference']:.2g}, same answer on {100 * check['agreement']:.1f} %",
    ]
    if judged := verify.judged(check):
        name, keras, exported = judged
        lines.append(f"  {name}: Keras {100 * keras:.1f} %, exported {100 * exported:.1f} %")
    if bundle.report["rebuilt"]:
        lines.append(f"  note     {'; '.join(bundle.report['rebuilt'])}")
    if spec["format"] == "litert":
        lines += [
            f"  runtime  {bundles.runtime_sentence(spec['min_runtime'])}",
            f'  Gradle   implementation("{spec["packages"]["android"]}")',
            f"  iOS      {bundles.pod_line(spec['packages']['ios'])}",
        ]
        lines += [
            f"  {name:8} leaves on the CPU: {', '.join(fact['left_on_cpu'])}"
            for name, fact in bundle.report["delegates"].items()
            if fact["left_on_cpu"]
        ]
    print("\n".join(lines))


def _print_all(bundles: list) -> None:
    """What several modes made of one model, on stdout."""
    from kapps.export import verify
    from kapps.export.bundle import size_of
    from kapps.recipes import _tables

    rows, name = [], "top-1"
    for bundle in bundles:
        check = bundle.report["verification"]
        size = size_of(bundle.model) / 1e6
        name, *values = verify.judged(check) or (name, None, None)
        top1 = (_tables.percent(value) for value in values)
        agreement = _tables.percent(check["agreement"])
        rows.append((bundle.spec["quantize"], f"{size:.2f}", agreement, *top1, str(bundle.path)))
    columns = ("numbers", ">MB", ">same answer %")
    columns += (f">Keras {name} %", f">exported {name} %", "bundle")
    _tables.print_table(columns, rows)


def _outputs(output: dict) -> list[str]:
    """The lines of what comes out."""
    if "shape" in output:
        return [f"  output   {_tensor(output)}, {output['kind']}"]
    ends = [end for end in output.values() if isinstance(end, dict) and "shape" in end]
    return [f"  output   {end['name']}: {_tensor(end)}" for end in ends]


def _tensor(end: dict) -> str:
    shape = " x ".join("any" if n is None else str(n) for n in end["shape"])
    text = f"{shape} {end['dtype']}"
    if q := end["quantization"]:
        text += f", real = (value - {q['zero_point']}) * {q['scale']:.6g}"
    return text


if __name__ == "__main__":
    sys.exit(main(Settings, run))
