"""Print everything about one application; imports no Keras unless --layers is given."""

import dataclasses
import json
import sys
from dataclasses import dataclass

from kapps.cli.settings import main, setting
from kapps.recipes import _tables


@dataclass(frozen=True)
class Settings:
    """What to tell."""

    name: str = setting(help="an application, e.g. MobileNetV2 (see kapps list)", positional=True)
    layers: bool = setting(False, "build the model and print its layer table")
    json: bool = setting(False, "print JSON instead of text")


def run(settings: Settings) -> dict:
    """Print the facts of an application and return them.

    Returns:
        name, family, size (pixels), channels, classes, params, macs, flavors, levels, references,
        paper and weights: a list of KEYS of each published checkpoint. With `layers` also layers.

    Raises:
        ValueError: there is no such application.
    """
    from kapps import applications
    from kapps.weights import catalog

    if settings.name not in applications.APPLICATIONS:
        applications.get(settings.name)  # raises the sentence with the closest name
    own = [c for c in catalog.CHECKPOINTS if c.application == settings.name]
    result = {**applications.facts(settings.name), "weights": [_checkpoint(c) for c in own]}
    if settings.layers:
        result["layers"] = _layers(settings.name)
    if settings.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    return result


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
    "protocol",
    "licence",
    "source",
    "url",
)


def _checkpoint(checkpoint) -> dict:
    values = dataclasses.asdict(checkpoint)
    return {key: dict(values[key]) if key == "arguments" else values[key] for key in KEYS}


def _layers(name: str) -> list[dict]:
    """The layer table of the model without weights, which need not be downloaded to count."""
    from kapps import applications, inspect

    table = inspect.layer_table(applications.get(name)(weights=None))
    return [dataclasses.asdict(row) for row in table]


def _print(facts: dict) -> None:
    print(f"{facts['name']}  ({facts['family']})")
    if facts.get("paper"):
        print(facts["paper"])
    print()
    size = f"{facts['size']} x {facts['size']} x {facts['channels']}"
    lines = {
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
        _tables.print_table(
            ("weights", "flavor", "arguments", ">size", ">top-1 %", ">top-5 %", "licence", "from"),
            [
                (
                    row["tag"] if row["include_top"] else f"{row['tag']} (no top)",
                    row["flavor"],
                    ", ".join(f"{k}={v}" for k, v in row["arguments"].items()) or "-",
                    row["input_size"],
                    _tables.percent(row["top1"]),
                    _tables.percent(row["top5"]),
                    row["licence"],
                    row["source"],
                )
                for row in facts["weights"]
            ],
        )
    else:
        print("\nNo published weights; weights=None starts from random ones.")
    if "layers" in facts:
        _print_layers(facts["layers"])
    print(f"\n  kapps.applications.{facts['name']}()")


def _reference(reference: dict) -> str:
    arguments = [f"flavor={reference['flavor']}"]
    arguments += [f"{name}={value}" for name, value in dict(reference["arguments"]).items()]
    return f"{reference['name']} ({', '.join(arguments)})"


def _print_layers(rows: list[dict]) -> None:
    columns = list(rows[0])
    titles = [f">{c}" if isinstance(rows[0][c], int | float) else c for c in columns]
    _tables.print_table(titles, [[row[c] for c in columns] for row in rows])


if __name__ == "__main__":
    sys.exit(main(Settings, run))
