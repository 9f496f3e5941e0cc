"""Links of the built site: each leads to a page, a file or a heading that is there."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page links to, what it loads, and the places in it."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "source") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon"):
            self.loads.append(given["href"])


@cache
def _read(path: Path) -> _Page:
    return _Page(path.read_text("utf-8"))


def wrong(site: Path) -> list[str]:
    """One line for each link that leads nowhere, and for what is loaded from elsewhere.

    Args:
        site: the folder of the built site.
    """
    found = []
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":  # a server shows it anywhere: its links begin at the root
            continue
        page = _read(path)
        for kind, addresses in (("links to", page.links), ("loads", page.loads)):
            for address in addresses:
                if reason := _reason(path, address, kind == "loads"):
                    found.append(f"{path.relative_to(site)} {kind} {address}: {reason}")
    return found


def _reason(path: Path, address: str, loaded: bool) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        outside = loaded and parts.scheme != "data"
        return "from elsewhere, which a reader without a network does not have" if outside else None
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "there is no such file"
    place = unquote(parts.fragment)
    if not place or target.suffix != ".html" or place.startswith("__"):
        return None
    return None if place in _read(target).places else "there is no such heading"
