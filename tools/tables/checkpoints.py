"""kapps/weights/tables/hubs.tsv: what timm and torchvision publish, under the names of kapps.

`tools/published.tsv` (see tools/import_published.py) knows the names that networks have there; the
facts of the applications say what those are here. What no application refers to is left out.
"""

import csv
import json
from pathlib import Path

from kapps.weights.tables.hubs import COLUMNS

PUBLISHED = Path(__file__).parents[1] / "published.tsv"


def text(facts: list[dict]) -> str:
    """The table, default arguments before others, otherwise in the order of the applications."""
    places = {}
    for order, row in enumerate(facts):
        for reference in row["references"]:
            places.setdefault(reference["name"], (order, row, reference))
    rows = []
    with open(PUBLISHED, encoding="utf-8", newline="") as file:
        for published in csv.DictReader(file, delimiter="\t"):
            model = published["tag"].partition(".")[0]
            # A tag may be another application than its model alone.
            place = places.get(published["tag"]) or places.get(model)
            if place:
                rows.append(_row(published, *place))
    rows.sort(key=lambda row: row[0])
    lines = ["\t".join(COLUMNS), *("\t".join(map(str, row[1])) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(published: dict, order: int, facts: dict, reference: dict) -> tuple[tuple, list]:
    known = facts["arguments"]
    arguments = known | {k: v for k, v in reference["arguments"].items() if k in known}
    row = published | {
        "application": facts["name"],
        "flavor": reference["flavor"],
        "arguments": json.dumps(arguments) if arguments else "",
    }
    key = order, arguments != known, published["tag"].startswith("torchvision/")
    return key, [row[column] for column in COLUMNS]
