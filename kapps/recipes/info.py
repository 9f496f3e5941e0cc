"""Print everything about one model; imports no Keras for what is known of an application.

kapps info MobileNetV2 --layers
kapps info runs/photos --layers --format html --out photos.html
kapps info bundle
"""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from kapps.cli.settings import main, setting
from kapps.recipes import _tables

FORMATS = ("text", "markdown", "html", "json")


@dataclass(frozen=True)
class Settings:
    """What to tell."""

    name: str = setting(
        help="an application (see kapps list), a run folder, a .keras or .tflite file, a bundle",
        positional=True,
    )
    layers: bool = setting(
        False,
        "the table of layers, of a .tflite of operators: sizes, parameters, multiply-adds, "
        "receptive fields, memory",
    )
    size: int | None = setting(None, "with --layers: pixels to count at (default: its own)")
    batch_size: int = setting(32, "with --layers: images of a training step")
    precision: str = setting(
        "float32", "with --layers: of training", choices=("float32", "bfloat16", "float16")
    )
    format: str = setting(
        "text", "of the answer; all but text and json need --layers", choices=FORMATS
    )
    out: str | None = setting(None, "write it to this file", metavar="FILE")
    json: bool = setting(False, "the same as --format json")


def run(settings: Settings) -> dict:
    """Print the facts of an application or a file and return them.

    Returns:
        Of an application: name, family, task, size (pixels), channels, classes, params, macs,
        flavors, levels, references, paper and weights: a list of KEYS of each published checkpoint.
        Of a file: see `kapps.recipes._files.facts`. With `layers` also "layers", the fields of
        `kapps.inspect.LayerRow` each, and "totals".

    Raises:
        ValueError, KappsError: there is no such application or file, or settings that do not fit.
    """
    from kapps.recipes import _files

    form = "json" if settings.json else settings.format
    if form in ("markdown", "html") and not settings.layers:
        raise ValueError(f"format={form} is of the table of layers; add --layers.")
    if settings.size is not None and not settings.layers:
        raise ValueError(f"size={settings.size} is of the table of layers; add --layers.")
    path = Path(settings.name).expanduser()
    is_file = _files.is_file(settings.name)
    result = _files.facts(path) if is_file else _facts(settings.name)
    model = result.pop("model", None)
    if settings.layers:
        from kapps.recipes import _layers as pages

        legend = pages.LEGEND
        if result.get("kind") == "tflite":
            rows, whole, legend = _operators(settings, Path(result["name"]))
        else:
            rows, whole = _layers(settings, model)
        result["layers"] = [dataclasses.asdict(row) for row in rows]
        result["totals"] = dict(whole)
    if form == "json":
        _give(json.dumps(result, indent=2, ensure_ascii=False), settings.out)
    elif form in ("markdown", "html"):
        make = pages.markdown if form == "markdown" else pages.page
        _give(make(settings.name, rows, whole, legend), settings.out)
    else:
        if settings.out:
            raise ValueError(f"out={settings.out} takes --format markdown, html or json.")
        _print_file(result) if is_file else _print(result)
        if settings.layers:
            pages.print_text(rows, whole, legend)
    return result


def _give(text: str, out: str | None) -> None:
    from kapps.files import atomic_write

    if out is None:
        print(text)
        return
    with atomic_write(Path(out), "w") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    print(f"look at {out}")


def _facts(name: str) -> dict:
    from kapps import applications
    from kapps.weights import catalog

    if name not in applications.APPLICATIONS:
        applications.get(name)  # raises the sentence with the closest name
    own = [c for c in catalog.CHECKPOINTS if c.application == name]
    return {**applications.facts(name), "weights": [_checkpoint(c) for c in own]}


KEYS = (
    "tag",
    "include_top",
    "flavor",
    "arguments",
    "classes",
    "input_size",
    "preprocessing",
    "crop_pct",
    "interpolation",
    "top1",
    "top5",
    "metrics",
    "protocol",
    "licence",
    "source",
    "url",
)


def _checkpoint(checkpoint) -> dict:
    values = dataclasses.asdict(checkpoint)
    pairs = ("arguments", "metrics")
    return {key: dict(values[key]) if key in pairs else values[key] for key in KEYS}


def _layers(settings: Settings, model) -> tuple[list, list[tuple[str, str]]]:
    """The layer table, and what the whole model needs.

    An application is built without weights, which need not be downloaded to count.
    """
    from kapps import inspect
    from kapps.recipes import _files
    from kapps.recipes import _layers as pages

    size = settings.size
    if model is None:
        model = _files.model(settings.name, size)
    elif size is None and None in model.input_shape[1:]:
        size = 224
    how = settings.batch_size, settings.precision
    rows = inspect.layer_table(model, size)
    answering = inspect.inference_memory(model, size=size)
    training = inspect.training_memory(model, *how, size=size)
    return rows, pages.totals(rows, answering, training, how)


def _operators(settings: Settings, file: Path) -> tuple[list, list[tuple[str, str]], str]:
    """The table of a .tflite file, what the whole file needs, and what its columns mean."""
    from kapps.export import flatbuffer
    from kapps.recipes import _operators

    if settings.size is not None:
        raise ValueError(
            f"size={settings.size} has no effect on {settings.name}, which has one; drop it."
        )
    contents = flatbuffer.parse(file.read_bytes())
    rows = _operators.table(contents)
    return rows, _operators.totals(contents, rows), _operators.LEGEND


def _print_file(facts: dict) -> None:
    from kapps.recipes import _layers as pages

    labels = facts["labels"]
    spec = facts["spec"]
    lines = {"bytes": pages.size_of(facts["bytes"])}
    if facts["kind"] == "keras":
        lines["parameters"] = f"{facts['params']:,}"
    else:
        lines["multiply-adds"] = f"{facts['macs']:,}"
        for name in ("inputs", "outputs"):
            lines[name] = ", ".join(
                f"{'x'.join(map(str, row['shape']))} {row['dtype']}" for row in facts[name]
            )
    lines["application"] = spec.get("application")
    lines["task"] = spec.get("task")
    if labels:
        more = f", ... ({len(labels)})" if len(labels) > 5 else ""
        lines["labels"] = ", ".join(labels[:5]) + more
    print(f"{facts['name']}  ({facts['kind']})\n")
    for name, text in lines.items():
        print(f"  {name:14}{text or '-'}")
    if facts["kind"] == "tflite":
        rows = [(n, row["count"], row["version"]) for n, row in facts["operators"].items()]
        _tables.print_table(("operator", ">count", ">version"), rows)


def _print(facts: dict) -> None:
    print(f"{facts['name']}  ({facts['family']})")
    if facts.get("paper"):
        print(facts["paper"])
    print()
    size = f"{facts['size']} x {facts['size']} x {facts['channels']}"
    lines = {
        "task": facts["task"],
        "input": f"{size}, {'gray' if facts['channels'] == 1 else 'RGB'} in [0, 255]",
        "parameters": f"{facts['params']:,}",
        "multiply-adds": f"{facts['macs']:,}",
        "flavors": ", ".join(facts["flavors"]),
        "levels": ", ".join(f"P{level}" for level in facts.get("levels", ())),
        "elsewhere": ", ".join(_reference(r) for r in facts["references"]),
    }
    for name, text in lines.items():
        print(f"  {name:14}{text or '-'}")
    if facts["weights"]:
        titles = [f">{name} %" for name in _shares(facts["weights"][0])]
        _tables.print_table(
            ("weights", "flavor", "arguments", ">size", *titles, "licence", "from"),
            [
                (
                    row["tag"] if row["include_top"] else f"{row['tag']} (no top)",
                    row["flavor"],
                    ", ".join(f"{k}={v}" for k, v in row["arguments"].items()) or "-",
                    row["input_size"],
                    *(_tables.percent(share) for share in _shares(row).values()),
                    row["licence"],
                    row["source"],
                )
                for row in facts["weights"]
            ],
        )
    else:
        print("\nNo published weights; weights=None starts from random ones.")
    print(f"\n  kapps.applications.{facts['name']}()")


def _shares(checkpoint: dict) -> dict[str, float | None]:
    """What weights were measured by: top-1 and top-5 where nothing else is said."""
    top = {"top-1": checkpoint["top1"], "top-5": checkpoint["top5"]}
    return checkpoint["metrics"] or top


def _reference(reference: dict) -> str:
    arguments = [f"flavor={reference['flavor']}"]
    arguments += [f"{name}={value}" for name, value in dict(reference["arguments"]).items()]
    return f"{reference['name']} ({', '.join(arguments)})"


if __name__ == "__main__":
    sys.exit(main(Settings, run))
