"""Look at the built site with headless Chromium: `python -m tools.site.browser`.

Each page is laid out at the width of a phone and of a desktop, in light and in dark; none may
scroll sideways. The search is asked a question from the files alone, without a server. Chromium
comes from Debian (`apt-get install chromium`).
"""

import contextlib
import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SITE = Path(__file__).parents[2] / "build/site"
WIDTHS = (390, 1440)
QUESTION, ANSWER = "receptive field", "receptive"
# One page holds the others in a frame, one after another, and measures each.
HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="border:0;height:900px"></iframe><pre id="found"></pre><script>
const pages = %s, widths = %s, frame = document.getElementById("frame"), found = [];
const shown = page => new Promise(done => { frame.onload = done; frame.src = page; });
(async () => {
  for (const page of pages) for (const width of widths) {
    frame.style.width = width + "px";
    await shown(page);  // anew: a page that grows under one's eyes moves its parts about
    for (const scheme of ["default", "slate"]) {
      const inner = frame.contentDocument;
      inner.body.setAttribute("data-md-color-scheme", scheme);
      const root = inner.documentElement, wide = Math.max(root.scrollWidth, inner.body.scrollWidth);
      if (wide > width) {
        const over = [...inner.querySelectorAll("article *, nav *, header *")].filter(
          e => e.getBoundingClientRect().right > width + 1);
        const names = over.slice(0, 3).map(e => e.tagName + "." + e.className);
        found.push([page, width, scheme, wide, names]);
      }
    }
  }
  document.getElementById("found").textContent = "DONE" + JSON.stringify(found) + "END";
})();
</script>"""


def chromium(address: str, *more: str) -> str:
    """What a page has become after its scripts ran, as HTML.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        raise FileNotFoundError("chromium is not installed; apt-get install chromium.")
    with tempfile.TemporaryDirectory() as profile:
        words = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        words += [
            "--allow-file-access-from-files",
            "--window-size=1440,900",
            *more,
            "--dump-dom",
            address,
        ]
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=500)
    return done.stdout


def wide(site: Path) -> list[list]:
    """[page, width, scheme, what it needs, elements] of each page that scrolls sideways."""
    pages = [p.relative_to(site).as_posix() for p in sorted(site.rglob("*.html"))]
    harness = site / "harness.html"
    harness.write_text(HARNESS % (json.dumps(pages), json.dumps(WIDTHS)), "utf-8")
    try:
        with _served(site) as address:
            text = chromium(f"{address}/harness.html", "--virtual-time-budget=600000")
    finally:
        harness.unlink()
    match = re.search(r"DONE(.*?)END</pre>", text, re.S)
    if match is None:
        raise RuntimeError("Chromium did not come to the end of the pages; try again.")
    return json.loads(match[1].replace("&gt;", ">").replace("&amp;", "&"))


@contextlib.contextmanager
def _served(folder: Path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            """Nothing: a line for each file helps nobody."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def found(site: Path) -> list[str]:
    """Titles that the search shows for QUESTION, from the files alone."""
    address = f"{(site / 'index.html').as_uri()}?q={QUESTION.replace(' ', '%20')}"
    text = chromium(address, "--virtual-time-budget=20000")
    results = re.findall(r'<article class="md-search-result__article.*?</article>', text, re.S)
    return [re.sub(r"<[^>]+>|\s+", " ", one).strip() for one in results]


def main() -> int:
    wrong = wide(SITE)
    for page, width, scheme, needs, elements in wrong:
        print(f"{page} at {width} px, {scheme}: {needs} px wide; {elements}", file=sys.stderr)
    results = found(SITE)
    if not any(ANSWER in result.lower() for result in results):
        print(f"the search without a server found nothing for {QUESTION!r}", file=sys.stderr)
        wrong.append("search")
    pages = len(list(SITE.rglob("*.html")))
    print(
        f"{pages} pages at {WIDTHS} px; the search has {len(results)} answers; {len(wrong)} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
