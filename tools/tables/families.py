"""docs/families/<family>.md: the paper, the members, how to call them, their weights, a block."""

from pathlib import Path

import kapps
from kapps.weights.checkpoint import Checkpoint
from tools.tables import facts, models

FOLDER = Path(__file__).parents[2] / "docs/families"
BLOCK = "## A block\n"


def path(family: str) -> Path:
    """Where its page is."""
    return FOLDER / f"{family}.md"


def drawn(family: str) -> str | None:
    """The block as the page has it, or None."""
    if not path(family).exists():
        return None
    _, found, block = path(family).read_text("utf-8").partition(BLOCK)
    return block if found else None


def keep(family: str, block: str) -> None:
    """Put a block into its page, whose other parts are written when all families are known."""
    head = path(family).read_text("utf-8").partition(BLOCK)[0] if path(family).exists() else ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path(family).write_text(head + BLOCK + block, "utf-8")


def page(rows: list[dict], checkpoints: tuple[Checkpoint, ...], block: str) -> str:
    """The page of a family.

    Args:
        rows: facts of its members. block: what follows the last heading.
    """
    own = [c for row in rows for c in checkpoints if c.application == row["name"]]
    title, _, rest = facts.docstring(rows[0]["family"]).partition(":")
    parts = [
        f"# {title}\n\n{_paragraphs(rest)}\n",
        "## Members\n\n" + _members(rows, checkpoints),
        "## Use\n\n" + _call(rows[0], own),
    ]
    if own:
        parts.append("## Weights\n\n" + _weights(own))
    if any(row["references"] for row in rows):
        parts.append("## The same networks elsewhere\n\n" + _references(rows))
    return "\n".join(parts) + f"\n{BLOCK}{block}"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _table(head: str, lines: list[str]) -> str:
    columns = head.split("|")
    rule = "|".join("--:" if c.startswith(">") else "---" for c in columns)
    names = " | ".join(c.removeprefix(">") for c in columns)
    return "\n".join([f"| {names} |", f"|{rule}|", *(f"| {line} |" for line in lines)]) + "\n"


def _members(rows: list[dict], checkpoints: tuple[Checkpoint, ...]) -> str:
    lines = [
        f"`{row['name']}` | {models.sizes(row)} | {models.top1(row['name'], checkpoints)} "
        f"| {', '.join(row['flavors'])} | {_keywords(row['arguments'])}"
        for row in rows
    ]
    return _table("application|>size|>parameters|>MACs|>top-1 %|flavors|arguments", lines)


def _call(row: dict, own: list[Checkpoint]) -> str:
    name = row["name"]
    first = next((c for c in own if c.application == name), None)
    if first is None:
        call, remark = f"{name}(weights=None, classes=10)", "nothing is published: random weights"
    elif first.include_top:
        call, remark = f"{name}()", f"weights={first.tag!r}"
    else:
        call, remark = f"{name}(include_top=False)", f"weights={first.tag!r}, without a classifier"
    if kapps.applications.task_of(name) != "classification":
        return _dense_call(row, first)
    levels = ", ".join(row["levels"])
    comma = "," if len(row["levels"]) == 1 else ""
    weights = "" if first else ", weights=None"
    return (
        "```python\nimport kapps\n\n"
        f"model = kapps.applications.{call}  # {remark.replace(chr(39), chr(34))}\n"
        f"pyramid = kapps.applications.{name}.features(levels=({levels}{comma}){weights})\n```\n"
    )


def _dense_call(row: dict, first: Checkpoint | None) -> str:
    """How to call a detector or segmenter and what to do with its answer."""
    named = "set_vocabulary" in facts.docstring(row["family"])
    random = '(weights="FILE.safetensors")' if named else "(classes=3)"
    weights = f"()  # weights={first.tag!r}".replace("'", '"') if first else random
    told = 'model = kapps.set_vocabulary(model, ["cat", "traffic light"])\n' if named else ""
    answer = {
        "detection": "found = kapps.detections(model, images)  # boxes, scores, classes of each",
        "segmentation": "maps = model.predict(images)  # (batch, height, width, classes)",
        "prompting": "found = kapps.segment(model, photo, points=[[520, 370]])  # masks, scores",
    }
    return (
        "```python\nimport kapps\n\n"
        f"model = kapps.applications.{row['name']}{weights}\n{told}"
        f"{answer[kapps.applications.task_of(row['name'])]}\n```\n"
    )


def _weights(own: list[Checkpoint]) -> str:
    rows = {}
    for c in own:
        # A file without the classifier, and one for each size, are the same weights.
        rows.setdefault((c.application, c.tag, c.arguments), c)
    lines = [
        f"`{c.application}` | `{c.tag}` | {_keywords(dict(c.arguments))} | {c.flavor} "
        f"| {c.input_size} | {c.preprocessing} | {_percent(c.top1)} | {_percent(c.top5)} "
        f"| {c.licence}"
        for c in rows.values()
    ]
    return _table(
        "application|tag|arguments|flavor|>size|preprocessing|>top-1 %|>top-5 %|licence", lines
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _references(rows: list[dict]) -> str:
    lines = [
        f"`{reference['name']}` | `{row['name']}` | {reference['flavor']} "
        f"| {_keywords(reference['arguments'])}"
        for row in rows
        for reference in row["references"]
    ]
    return _table("reference|application|flavor|arguments", lines)


def _keywords(arguments: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items()) or "-"
