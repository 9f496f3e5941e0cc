"""The checkpoints of timm and torchvision, as `hubs.tsv` lists them.

Accuracies are timm's own results (its results-imagenet.csv) and torchvision's weights metadata.
`tools/update_tables.py` writes the file, which joins what they publish with the names that their
networks have here.
"""

import csv
import json
import re
from collections.abc import Iterable
from importlib.resources import files

from kapps.weights.checkpoint import Checkpoint

COLUMNS = (
    "application", "flavor", "arguments", "tag", "url", "mirror", "size", "preprocessing",
    "crop_pct", "interpolation", "classes", "top1", "top5", "licence",
)  # fmt: skip
DIGITS = re.compile(r"-([0-9a-f]{8,64})\.pth$")  # of a SHA-256, as torch.hub reads them


def rows() -> list[Checkpoint]:
    """The rows of the file, in its order."""
    text = files("kapps.weights.tables").joinpath("hubs.tsv").read_text("utf-8")
    return parse(text.splitlines())


def parse(lines: Iterable[str]) -> list[Checkpoint]:
    """The rows of such a table, whose first line names the columns."""
    return [
        _checkpoint(row) for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    ]


def hash_in(url: str) -> str | None:
    """The hash that torch's habit of naming files gives away."""
    digits = DIGITS.search(url)
    return f"sha256-prefix:{digits[1]}" if digits else None


def _checkpoint(row: dict[str, str]) -> Checkpoint:
    source = row["tag"].partition("/")[0]
    classes, size = int(row["classes"]), int(row["size"])
    protocol = f"ImageNet-1k validation, one centre crop at {size}, as reported by {source}"
    return Checkpoint(
        application=row["application"],
        tag=row["tag"],
        url=row["url"],
        hash=hash_in(row["url"]),
        format="safetensors" if row["url"].startswith("hf:") else "pth",
        dialect=None,
        flavor=row["flavor"],
        include_top=classes > 0,
        input_size=size,
        preprocessing=row["preprocessing"],
        crop_pct=float(row["crop_pct"]),
        interpolation=row["interpolation"],
        licence=row["licence"],
        source=source,
        classes=classes,
        arguments=tuple(json.loads(row["arguments"] or "{}").items()),
        top1=round(float(row["top1"]) / 100, 5) if row["top1"] else None,
        top5=round(float(row["top5"]) / 100, 5) if row["top5"] else None,
        protocol=protocol if row["top1"] else None,
        mirrors=(row["mirror"],) if row["mirror"] else (),
    )
