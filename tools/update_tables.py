"""Regenerate what is known of every application: `python -m tools.update_tables [--check]`.

Writes kapps/applications/_facts.json (read by `kapps.list_models`), kapps/applications/__init__.pyi
(completion in editors) and the table of models in README.md. `--check` writes nothing and fails
when a file is out of date. `--family NAME ...` recomputes only those families.
"""

import argparse
import json
import math
import sys
from importlib import import_module
from pathlib import Path

import kapps
from kapps.applications import FAMILIES
from kapps.weights import catalog

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "kapps/applications/_facts.json"
STUB = ROOT / "kapps/applications/__init__.pyi"
README = ROOT / "README.md"
BEGIN, END = "<!-- models:begin -->", "<!-- models:end -->"


def facts_of(name: str) -> dict:
    """The row of one application, computed from the network itself."""
    import keras

    from kapps.applications._graph import level_layers
    from kapps.inspect import count_macs

    keras.backend.clear_session()
    app = kapps.applications.get(name)
    # The references count those that were published without a classifier with one, too.
    model = app(weights=None, classes=app.classes or 1000)
    module = import_module(app.__module__)
    return {
        "name": name,
        "family": app.family,
        "size": app.size,
        "channels": app.channels,
        "classes": app.classes,
        "params": sum(math.prod(v.shape) for v in model.trainable_variables),
        "macs": count_macs(model),
        "flavors": list(app.flavors),
        "arguments": dict(app.arguments),
        "levels": level_layers(model, app.stages),
        "references": [
            {"name": r.name, "flavor": r.flavor, "arguments": dict(r.arguments)}
            for r in app.references
        ],
        "paper": " ".join(module.__doc__.partition("\n\n")[0].split()),
    }


def facts_text(rows: list[dict]) -> str:
    """One application a line, so that a change is one line of the diff."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f"[\n{lines}\n]\n"


def stub_text() -> str:
    """Type stub of kapps.applications: the lazy names, spelt out."""
    lines = ["# Written by tools/update_tables.py.", "# ruff: noqa: I001"]
    for family, names in FAMILIES.items():
        lines.append(f"from kapps.applications import {family} as {family}")
        lines += [f"from kapps.applications.{family} import {name} as {name}" for name in names]
    for name in ("FAMILIES", "facts", "find_application", "get", "list_models"):
        lines.append(f"from kapps.applications._registry import {name} as {name}")
    return "\n".join(lines) + "\n"


def readme_text(rows: list[dict]) -> str:
    """README with its table of models renewed."""
    table = [
        "| application | size | parameters | MACs | tags | top-1 % | family |",
        "|---|--:|--:|--:|---|--:|---|",
    ]
    for row in rows:
        tags = catalog.tags(row["name"])
        own = [c for c in catalog.CHECKPOINTS if c.application == row["name"]]
        top1 = next((c.top1 for c in own if c.top1 is not None), None)  # the default's comes first
        table.append(
            f"| `{row['name']}` | {row['size']} | {row['params'] / 1e6:.2f} M "
            f"| {row['macs'] / 1e9:.3f} G | {len(tags) or '-'} "
            f"| {f'{100 * top1:.1f}' if top1 else '-'} | {row['paper']} |"
        )
    text = README.read_text("utf-8")
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n" + "\n".join(table) + f"\n{END}{tail}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail instead of writing")
    parser.add_argument("--family", nargs="*", help="recompute these families only")
    options = parser.parse_args()
    known = {row["name"]: row for row in json.loads(FACTS.read_text())} if FACTS.exists() else {}
    rows = []
    for family, names in FAMILIES.items():
        for name in names:
            renew = not options.family or family in options.family or name not in known
            rows.append(facts_of(name) if renew else known[name])
    stale = []
    for path, text in ((FACTS, facts_text(rows)), (STUB, stub_text()), (README, readme_text(rows))):
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(text, "utf-8")
    if options.check and stale:
        print(
            f"out of date: {', '.join(stale)}; run python -m tools.update_tables", file=sys.stderr
        )
        return 1
    print(f"wrote {', '.join(stale)}" if stale else "all up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
