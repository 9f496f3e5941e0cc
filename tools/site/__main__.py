"""Build the site and check it: `python -m tools.site`; `--serve` shows it while one writes."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.site import links

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build/site"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--serve", action="store_true", help="serve it and follow changes")
    options = parser.parse_args()
    words = ["serve"] if options.serve else ["build", "--strict", "--quiet"]
    # As a module, so that the root of the repository is where imports are looked for.
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([sys.executable, "-m", "mkdocs", *words], cwd=ROOT, env=env)
    if done.returncode or options.serve:
        return done.returncode
    wrong = links.wrong(SITE)
    for line in wrong:
        print(line, file=sys.stderr)
    pages = len(list(SITE.rglob("*.html")))
    print(f"{pages} pages, {len(wrong)} broken links; look at {SITE / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
