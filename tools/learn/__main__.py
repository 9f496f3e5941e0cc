"""Run the pages of docs/learn and write their figures: `python -m tools.learn [PAGE ...]`.

A figure is drawn from the variables that the code of its page has left, so that it shows what the
page says. `--quick` leaves out what `make test` leaves out, with the figures that need it.
"""

import argparse
import sys

from tools.learn import figures
from tools.site import blocks

FOLDER = blocks.ROOT / "docs/learn"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("pages", nargs="*", help="names of pages, such as neuron; all by default")
    parser.add_argument("--quick", action="store_true", help="only what make test runs")
    options = parser.parse_args()
    names = options.pages or list(figures.FIGURES)
    unknown = sorted(set(names) - set(figures.FIGURES))
    if unknown:
        parser.error(f"{unknown[0]!r} has no figures; those with some are {list(figures.FIGURES)}.")
    marks = ("",) if options.quick else ("", "sweep")
    for name in names:
        space: dict = {"__name__": "page"}
        for block in blocks.blocks(FOLDER / f"{name}.md"):
            if block.language == "python" and block.mark in marks:
                exec(compile(block.code, f"{name}.md", "exec"), space)
        for needs, file, draw in figures.FIGURES[name]:
            if needs in space:
                (FOLDER / "figures").mkdir(exist_ok=True)
                content = draw(space)
                content = content.encode("utf-8") if isinstance(content, str) else content
                (FOLDER / "figures" / file).write_bytes(content)
                print(f"wrote docs/learn/figures/{file}, {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
