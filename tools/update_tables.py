"""Regenerate what is known of every application: `python -m tools.update_tables [--check]`.

Writes kapps/applications/_facts.json (read by `kapps.list_models`), kapps/applications/__init__.pyi
(completion in editors), kapps/weights/tables/hubs.tsv (weights of timm and torchvision), the table
of README.md, docs/models.md and docs/families/. Networks are built only for families whose sources
changed since tools/tables/digests.json was written; `--family NAME ...` computes these in any case
and no others, `--all` every one. `--check` writes nothing and fails when a file is out of date.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from kapps.applications import APPLICATIONS, FAMILIES
from kapps.weights import catalog
from kapps.weights.tables import hubs
from tools.tables import blocks, checkpoints, facts, families, models

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "kapps/applications/_facts.json"
STUB = ROOT / "kapps/applications/__init__.pyi"
HUBS = ROOT / "kapps/weights/tables/hubs.tsv"
DIGESTS = ROOT / "tools/tables/digests.json"


def renewed(options: argparse.Namespace, known: dict, digests: dict) -> dict[str, bool]:
    """Family -> whether its networks are to be built."""
    result = {}
    for family, names in FAMILIES.items():
        missing = any(name not in known for name in names)
        changed = digests.get(family) != facts.digest(family)
        chosen = family in options.family if options.family else options.all or changed
        result[family] = missing or chosen
    return result


def written(options: argparse.Namespace) -> dict[Path, str]:
    """Every generated file and its text."""
    known = {row["name"]: row for row in json.loads(FACTS.read_text())} if FACTS.exists() else {}
    digests = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    renew = renewed(options, known, digests)
    chosen = [family for family in FAMILIES if renew[family]]
    known |= facts.of_all([name for family in chosen for name in FAMILIES[family]])
    drawn = {}
    for family, names in FAMILIES.items():
        if renew[family]:
            digests[family] = facts.digest(family)
        smallest = min(names, key=lambda name: known[name]["params"])
        page = None if renew[family] else families.drawn(family)
        drawn[family] = page or blocks.draw(smallest)
        if page is None and not options.check:  # hundreds of networks: what is known stays known
            FACTS.write_text(facts.text(list(known.values())), "utf-8")
            families.keep(family, drawn[family])
            DIGESTS.write_text(_lines(digests), "utf-8")
    rows = [known[name] for name in APPLICATIONS]
    table = checkpoints.text(rows)
    published = catalog.complete(hubs.parse(table.splitlines()))
    texts = {
        FACTS: facts.text(rows),
        STUB: facts.stub(),
        HUBS: table,
        models.README: models.readme(rows, published),
        models.MODELS: models.page(rows, published),
        DIGESTS: _lines({f: digests[f] for f in FAMILIES if f in digests}),
    }
    for family in FAMILIES:
        own = [row for row in rows if row["family"] == family]
        texts[families.path(family)] = families.page(own, published, drawn[family])
    return texts


def _lines(values: dict) -> str:
    return json.dumps(values, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail instead of writing")
    parser.add_argument("--all", action="store_true", help="recompute every family")
    parser.add_argument("--family", nargs="*", help="recompute these families only")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "torch"  # where networks are built without memory
    stale = []
    for path, text in written(options).items():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if not options.check:
                path.parent.mkdir(parents=True, exist_ok=True)
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
