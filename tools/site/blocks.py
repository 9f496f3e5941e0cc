"""The blocks of code of the written pages."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?:<!-- test: (?P<mark>.*?) -->\n)?"
    r"(?P<fence>```+)(?P<words>[^\n]*)\n(?P<code>.*?)^(?P=fence)$",
    re.M | re.S,
)
COMMAND = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*kapps ")


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        page, line: where it begins.
        language: as its fence says; "" where that says nothing.
        mark: of the comment above it: "sweep" is run by `make test-all` alone, "no, ..." never, for
            the reason it gives.
    """

    page: Path
    line: int
    language: str
    code: str
    mark: str


def written() -> list[Path]:
    """The pages that people wrote."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if page.parent.name != "families"]


def blocks(page: Path) -> list[Block]:
    """Every block of a page, from the top."""
    text = page.read_text("utf-8")
    return [
        Block(
            page, text.count("\n", 0, m.start()) + 1, m["words"].strip(), m["code"], m["mark"] or ""
        )
        for m in FENCE.finditer(text)
    ]


def commands(text: str) -> list[list[str]]:
    """The words of each `kapps ...` line of a shell block, without comments."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line.strip() for line in joined.splitlines()]
    found = [
        shlex.split(COMMAND.sub("", line), comments=True) for line in lines if COMMAND.match(line)
    ]
    return [words for words in found if "..." not in words]
