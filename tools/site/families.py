"""The list of families; their pages are in docs/families."""

from kapps.applications import FAMILIES
from tools.tables import facts


def menu() -> list[dict]:
    """Entries of the menu, in the order of the registry, which is that of history."""
    return [{_title(family): f"families/{family}.md"} for family in FAMILIES]


def pages() -> dict[str, str]:
    """Page -> its Markdown."""
    lines = []
    for family, names in FAMILIES.items():
        paper = " ".join(facts.docstring(family).partition("\n\n")[0].partition(":")[2].split())
        lines.append(f"| [{_title(family)}]({family}.md) | {len(names)} | {paper} |")
    head = f"# Families\n\n{len(FAMILIES)} papers and what they call their networks. "
    head += "[Models](../models.md) has every network with its size.\n\n"
    table = "| family | networks | paper |\n|---|--:|---|\n" + "\n".join(lines) + "\n"
    return {"families/index.md": head + table}


def _title(family: str) -> str:
    return facts.docstring(family).partition(":")[0]
