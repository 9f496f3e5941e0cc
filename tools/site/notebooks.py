"""docs/notebooks: pages as notebooks, `python -m tools.site.notebooks [--check]`.

A notebook is its page: the text between blocks of Python becomes cells of text, each block a cell
of code, and the first cell installs kapps, from a wheel that lies beside the notebook or else from
the package index, so that it runs on Colab as it is.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from tools.site import blocks

DOCS = blocks.ROOT / "docs"
FOLDER = DOCS / "notebooks"
INSTALL = """
import glob
import importlib.util

SOURCE = next(iter(glob.glob("kapps-*.whl")), "kapps")  # a wheel beside this notebook, or by name
%pip install -q "{SOURCE}[tensorflow,recipes,litert,lite,detection]"
importlib.invalidate_caches()
if importlib.util.find_spec("kapps") is None:
    raise ImportError(
        "pip found no kapps on its index: put its wheel (`make dist` in a checkout of kapps writes "
        "dist/kapps-*.whl) beside this notebook, on Colab by Upload, and run this cell again."
    )
"""
# Those whose code speaks of no file that the reader must have.
PAGES = ("start/architecture", "start/scratch", "start/task")
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n?", re.M)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)")


def pages() -> list[Path]:
    """The pages that have a notebook."""
    learn = sorted(page for page in (DOCS / "learn").glob("*.md") if page.stem != "index")
    return [*learn, *(DOCS / f"{name}.md" for name in PAGES)]


def path(page: Path) -> Path:
    """Where the notebook of a page is."""
    return FOLDER / f"{page.stem}.ipynb"


def notebook(page: Path) -> str:
    """The file of a page."""
    text = page.read_text("utf-8")
    cells, at = [_cell("code", INSTALL)], 0
    for match in blocks.FENCE.finditer(text):
        if match["words"].strip() != "python" or (match["mark"] or "").startswith("no"):
            continue
        cells += [_cell("markdown", _told(text[at : match.start()])), _cell("code", match["code"])]
        at = match.end()
    cells.append(_cell("markdown", _told(text[at:])))
    cells = [cell for cell in cells if cell["source"]]
    for number, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{page.stem} {number}".encode()).hexdigest()[:8]
    whole = {
        "cells": cells,
        "metadata": {
            "colab": {"provenance": []},
            "kernelspec": {"display_name": "Python 3", "name": "python3"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _told(text: str) -> str:
    """Text without pictures and without links to pages, which a notebook does not lie beside."""
    return LINK.sub(r"**\1**", PICTURE.sub("", text))


def _cell(kind: str, source: str) -> dict:
    lines = source.strip("\n").splitlines(keepends=True)
    cell = {"cell_type": kind, "metadata": {}, "source": lines}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--check", action="store_true", help="fail instead of writing")
    options = parser.parse_args()
    stale = []
    for page in pages():
        text = notebook(page)
        if not path(page).exists() or path(page).read_text("utf-8") != text:
            stale.append(path(page).name)
            if not options.check:
                FOLDER.mkdir(exist_ok=True)
                path(page).write_text(text, "utf-8")
    print(
        f"{'out of date' if options.check else 'wrote'}: {', '.join(stale)}" if stale else "current"
    )
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
