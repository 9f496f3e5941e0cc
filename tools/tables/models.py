"""The tables of models: all of them in docs/models.md, a line a family in README.md."""

import json
from pathlib import Path

import kapps.applications
from kapps.weights.checkpoint import Checkpoint

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MODELS = ROOT / "docs/models.md"
TFLITE = ROOT / "docs/tflite.json"
BEGIN, END = "<!-- models:begin -->", "<!-- models:end -->"
HEAD = """# Models

Parameters are those that train, MACs multiply-adds of one image, both with the default arguments at
the default size in pixels. Tags are published weights, and top-1 is that of the first, as its
publisher reports it (`kapps info NAME` has the protocol); of a detector it is the mean average
precision. The .tflite columns are measured on files with random weights: megabytes in float32 and
int8, operators of the float32 file, and those of them that LiteRT's GPU delegate leaves to the CPU
(see `kapps/export/delegates.py`). `no` is a file that cannot be made, `-` is not measured. `~`
follows from files with one block and with two (`python -m tools.measure_tflite --by-blocks`; of
ViTHuge14 that is within twelve millionths of the whole files). DINOv3ViT7B16 has none: TensorFlow's
converter merges a LayerScale with the kernel before it where that has less than 128 MiB (with half
the channels it converts).
"""
COLUMNS = """\
| application | size | parameters | MACs | tags | top-1 % | float32 MB | int8 MB | operators | not on GPU |
|---|--:|--:|--:|--:|--:|--:|--:|--:|---|"""  # noqa: E501 (a table's row is a line)
TITLES = {
    "classification": "Classifiers",
    "detection": "Detectors",
    "segmentation": "Segmenters",
    "prompting": "Segmenters that are told where to look",
}


def top1(name: str, checkpoints: tuple[Checkpoint, ...]) -> str:
    """Of an application's first weights that state one, in percent; of others what they state."""
    stated = next((c.metrics for c in checkpoints if c.application == name and c.metrics), ())
    if stated:
        return ", ".join(f"{100 * share:.1f} {what}" for what, share in stated)
    own = (c.top1 for c in checkpoints if c.application == name and c.top1 is not None)
    return next((f"{100 * value:.1f}" for value in own), "-")


def tags(name: str, checkpoints: tuple[Checkpoint, ...]) -> list[str]:
    """Of an application, the default first."""
    return list(dict.fromkeys(c.tag for c in checkpoints if c.application == name))


def sizes(row: dict) -> str:
    """The cells for size, parameters and MACs of a row of facts."""
    params, macs = row["params"], row["macs"]
    params = f"{params / 1e6:.2f} M" if params >= 1e5 else f"{params / 1e3:.1f} k"
    macs = f"{macs / 1e9:.3f} G" if macs >= 1e7 else f"{macs / 1e6:.3f} M"
    return f"{row['size']} | {params} | {macs}"


def page(rows: list[dict], checkpoints: tuple[Checkpoint, ...]) -> str:
    """docs/models.md."""
    measured = json.loads(TFLITE.read_text("utf-8")) if TFLITE.exists() else {}
    parts = [HEAD]
    for task, title in TITLES.items():
        lines = [f"## {title}\n", COLUMNS]
        for row in rows:
            name, family = row["name"], row["family"]
            if kapps.applications.task_of(name) == task:
                lines.append(
                    f"| [`{name}`](families/{family}.md) | {sizes(row)} "
                    f"| {len(tags(name, checkpoints)) or '-'} | {top1(name, checkpoints)} "
                    f"| {_phone(measured.get(name))} |"
                )
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _phone(found: dict | None) -> str:
    if found is None:
        return "- | - | - | -"
    files = [_megabytes(found, mode) for mode in ("float32", "int8")]
    refused = ", ".join(found.get("not_on_gpu", ["-"])) or "none"
    return " | ".join((*files, str(found.get("operators", "-")), refused))


def _megabytes(found: dict, mode: str) -> str:
    if mode not in found:
        return "no"
    size = found[mode] / 1e6
    return "~" * ("blocks" in found) + (f"{size:.0f}" if size >= 1000 else f"{size:.3g}")


def _names(row: dict) -> int:
    """How many names a network has elsewhere; one with and without a tag counts once."""
    return len({reference["name"].partition(".")[0] for reference in row["references"]})


def readme(rows: list[dict], checkpoints: tuple[Checkpoint, ...]) -> str:
    """README with its table renewed: of each family the member that most libraries have."""
    table = [
        "| family | members | for example | size | parameters | MACs | top-1 % |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    families: dict[str, list[dict]] = {}
    for row in rows:
        families.setdefault(row["family"], []).append(row)
    for family, members in families.items():
        known = max(members, key=_names)
        title = known["paper"].partition(":")[0]
        table.append(
            f"| [{title}](docs/families/{family}.md) | {len(members)} | `{known['name']}` "
            f"| {sizes(known)} | {top1(known['name'], checkpoints)} |"
        )
    head, rest = README.read_text("utf-8").split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n" + "\n".join(table) + f"\n{END}{tail}"
