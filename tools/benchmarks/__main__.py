"""Run the benchmarks; each puts its section into docs/benchmarks.md and leaves the others."""

import argparse
import importlib
import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version

from tools.benchmarks._measure import ROOT, Section

SUBJECTS = (
    *("imports", "build_jax", "steps", "jit", "head", "export", "files"),
    *("pipeline", "reading", "handover", "builds", "suppression", "detectors", "boxed"),
)
PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make benchmarks`. Each pair was measured in alternation on one machine, so the ratios
mean more than the numbers; a ratio above 1 means that kapps is better. Every number is a median.
"""
PACKAGES = ("kapps", "keras", "tensorflow", "jax", "torch", "ai-edge-litert")


def main() -> int:
    """Run the subjects named on the command line, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--print", action="store_true", help="print the sections, write nothing")
    given = parser.parse_args()
    for name in given.subjects:
        if name not in SUBJECTS:
            parser.error(f"{name!r} is not a subject; expected {', '.join(SUBJECTS)}.")
    failed = []
    for name in given.subjects or SUBJECTS:
        began = time.perf_counter()
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            text = render(importlib.import_module(f"tools.benchmarks.{name}").run())
        except RuntimeError as error:  # one subject that fails leaves the others their turn
            print(f"{name} failed: {error}", file=sys.stderr)
            failed.append(name)
            continue
        print(text, flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        if not given.print:
            put(name, text)
            print(f"written to {PAGE}", file=sys.stderr)
    return 1 if failed else 0


def render(section: Section) -> str:
    """A section as Markdown."""
    table = [
        "| " + " | ".join(section.columns) + " |",
        "|" + "---|" * len(section.columns),
        *("| " + " | ".join(row) + " |" for row in section.rows),
    ]
    lines = [f"## {section.title}", "", section.text, "", *table, ""]
    if section.commands:
        lines += ["```", *section.commands, "```", ""]
    return "\n".join([*lines, f"<sub>{machine()}</sub>"])


def put(name: str, text: str) -> None:
    """Replace the section `name` of the page, or add it in the order of SUBJECTS."""
    page = PAGE.read_text("utf-8") if PAGE.exists() else HEAD
    sections = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", page, re.DOTALL))
    sections[name] = text
    body = [f"<!-- {key} -->\n{sections[key]}\n<!-- end -->" for key in SUBJECTS if key in sections]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n\n".join([HEAD.rstrip(), *body]) + "\n", "utf-8")


def machine() -> str:
    """What the numbers belong to."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    when = time.strftime("%Y-%m-%d")
    python = platform.python_version()
    return f"{when}, {commit}: {platform.machine()}, {cores} cores, Python {python}, {versions}"


if __name__ == "__main__":
    sys.exit(main())
